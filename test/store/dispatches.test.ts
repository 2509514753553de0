import { describe, expect, it } from "vitest";
import type { Channel, DispatchRef } from "../../src/model/channel.ts";
import type { DispatchRow } from "../../src/store/contract-channels.ts";
import { fresh } from "./outbound-samples.ts";
import { DAY, MINUTE, NOON, newId, proposalOf } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

const by = (at = NOON) => ({ actor: "postern", at, ...fresh() }) as const;
const AGENT = { kind: "workflow", type: "agent", task_queue: "agents", id_per: "thread" } as const;

async function webhook({ store, tenant }: World) {
  const made = { id: newId("whk"), tenant, url: "https://agent.example/?secret", description: "", agentpack: false } as const;
  await store.run("webhooks.create", { ...made, secret: { id: newId("whk"), sealed: "first" }, ...by() });
  return made.id;
}

async function setChannels({ store, tenant, mailbox }: World, channels: readonly Channel[]) {
  return store.run("mailboxes.change", { tenant, mailbox, channels, ...by() });
}

/** One delivered message and what it began. */
async function delivered(world: World): Promise<{ message: `msg_${string}`; refs: readonly DispatchRef[] }> {
  const proposal = proposalOf(world, {});
  const { dispatches = [] } = await world.store.run("inbound.decide", proposal);
  return { message: proposal.input.message, refs: dispatches };
}

async function hooked(): Promise<{ world: World; message: `msg_${string}`; ref: DispatchRef }> {
  const world = await openWorld();
  await setChannels(world, [{ kind: "webhook", webhook_id: await webhook(world) }]);
  const { message, refs } = await delivered(world);
  return { world, message, ref: refs[0]! };
}

function attempted({ store }: World, { tenant, dispatch: id }: DispatchRef, state: DispatchRow["state"], at = NOON) {
  const [reason, status] = state === "delivered" ? [null, 204] : (["http_500", 500] as const);
  return store.run("dispatches.attempted", { tenant, id, state, reason, status, at, ...fresh() });
}

async function actionsOf({ store, tenant }: World, message: `msg_${string}`): Promise<string[]> {
  const entries = await store.run("audit.of_message", { tenant, message });
  return entries.map(({ leaf }) => (JSON.parse(leaf) as { action: string }).action).toSorted();
}

describe("a delivery", () => {
  it("DESIGN §9.2 is one for each channel of the mailbox, in the transaction of the decision, with the same id however often it is asked", async () => {
    const world = await openWorld();
    const channels = [{ kind: "webhook", webhook_id: await webhook(world) }, AGENT] as const;
    await setChannels(world, channels);
    const proposal = proposalOf(world, {});
    const first = await world.store.run("inbound.decide", proposal);
    expect(first.dispatches).toHaveLength(2);
    const again = await world.store.run("inbound.decide", proposal);
    expect(again.dispatches?.toSorted(byId)).toEqual(first.dispatches?.toSorted(byId));
    const rows = await world.store.run("dispatches.of_message", { tenant: world.tenant, message: proposal.input.message });
    expect(rows.map(({ channel }) => channel)).toEqual(expect.arrayContaining([...channels]));
    expect(rows.every(({ state, attempts }) => state === "pending" && attempts === 0)).toBe(true);
  });

  it("MB-01 begins for nothing but delivered mail; without channels a decision says nothing of deliveries", async () => {
    const world = await openWorld();
    expect(await world.store.run("inbound.decide", proposalOf(world, {}))).not.toHaveProperty("dispatches");
    await setChannels(world, [AGENT]);
    for (const outcome of ["held", "quarantined", "rejected_at_policy", "discarded"] as const) {
      const proposal = proposalOf(world, { proposal: { outcome } });
      expect(await world.store.run("inbound.decide", proposal)).not.toHaveProperty("dispatches");
      const { message } = proposal.input;
      expect(await world.store.run("dispatches.of_message", { tenant: world.tenant, message })).toEqual([]);
    }
  });

  it("what has arrived stays delivered, whatever a late attempt says", async () => {
    const { world, ref } = await hooked();
    expect(await attempted(world, ref, "delivered")).toMatchObject({ state: "delivered", attempts: 1 });
    expect(await attempted(world, ref, "dead")).toMatchObject({ state: "delivered", attempts: 1, status: 204 });
  });

  it("X-17 dead is told once in the audit, a replay as well; under its id, and with another grant only after a day", async () => {
    const { world, message, ref } = await hooked();
    const { tenant, dispatch: id } = ref;
    expect(await attempted(world, ref, "pending")).toMatchObject({ attempts: 1, reason: "http_500" });
    await attempted(world, ref, "dead");
    await attempted(world, ref, "dead");
    expect(await actionsOf(world, message)).toEqual(["decision", "dispatch.dead"]);
    const soon = await world.store.run("dispatches.replay", { tenant, id, ...by(NOON + MINUTE) });
    expect(soon).toMatchObject({ id, state: "pending", attempts: 0, due_at: NOON + MINUTE, minted_at: NOON });
    expect(await world.store.run("dispatches.replay", { tenant, id, ...by(NOON + 2 * MINUTE) })).toEqual(soon);
    await attempted(world, ref, "delivered");
    const late = await world.store.run("dispatches.replay", { tenant, id, ...by(NOON + DAY) });
    expect(late).toMatchObject({ minted_at: NOON + DAY });
    expect(await actionsOf(world, message)).toEqual(["decision", "dispatch.dead", "dispatch.replayed", "dispatch.replayed"]);
  });

  it("an attempt learns what holds now: message, channel, live secrets, stops", async () => {
    const { world, ref } = await hooked();
    const { store, tenant, mailbox } = world;
    const due = (at = NOON) => store.run("dispatches.due", { tenant, id: ref.dispatch, at });
    const first = await due();
    expect(first).toMatchObject({ has_channel: true, stopped: false, message: { mailbox }, webhook: { secrets: [{ sealed: "first" }] } });
    const { id } = first!.webhook!;
    await store.run("webhooks.rotate", { tenant, id, secret: { id: newId("whk"), sealed: "second" }, grace_ms: MINUTE, ...by() });
    expect((await due(NOON + MINUTE - 1))!.webhook!.secrets.map(({ sealed }) => sealed)).toEqual(["second", "first"]);
    expect((await due(NOON + MINUTE))!.webhook!.secrets.map(({ sealed }) => sealed)).toEqual(["second"]);
    await store.run("oversight.stop", { tenant, target: { mailbox }, stopped: true, ...by() });
    expect(await due()).toMatchObject({ stopped: true });
    await store.run("webhooks.delete", { tenant, id, ...by() });
    expect(await due()).toMatchObject({ has_channel: false, webhook: null });
    expect(await store.run("mailboxes.get", { tenant, id: mailbox })).toMatchObject({ channels: [] });
  });

  it("X-17 is forgotten 30 days after it ended, never while it is in line; upkeep finds what is in line", async () => {
    const { world, ref } = await hooked();
    const { store } = world;
    const other = (await delivered(world)).refs[0]!;
    await attempted(world, ref, "delivered");
    const pending = await store.run("dispatches.pending_after", { after: null, before: NOON + 1, limit: 500 });
    expect(pending).toContainEqual({ tenant: other.tenant, id: other.dispatch });
    expect(pending).not.toContainEqual({ tenant: ref.tenant, id: ref.dispatch });
    expect(await store.run("dispatches.pending_after", { after: null, before: NOON, limit: 500 })).toEqual([]);
    await store.run("dispatches.prune", { before: NOON, limit: 500 });
    expect(await store.run("dispatches.get", { tenant: ref.tenant, id: ref.dispatch })).not.toBeNull();
    await store.run("dispatches.prune", { before: NOON + 1, limit: 500 });
    expect(await store.run("dispatches.get", { tenant: ref.tenant, id: ref.dispatch })).toBeNull();
    expect(await store.run("dispatches.get", { tenant: other.tenant, id: other.dispatch })).toMatchObject({ state: "pending" });
  });
});

it("a URL, which may hold a secret, is in the erasable half of the audit alone; setting the same channels again is no event", async () => {
  const world = await openWorld();
  const id = await webhook(world);
  const channels = [{ kind: "webhook", webhook_id: id }] as const;
  for (let times = 0; times < 2; times += 1) await setChannels(world, channels);
  const { message, refs } = await delivered(world);
  expect(refs).toHaveLength(1);
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message });
  expect(entries.map(({ leaf }) => leaf).join()).not.toContain("secret");
});

function byId(one: DispatchRef, other: DispatchRef): number {
  return one.dispatch < other.dispatch ? -1 : 1;
}
