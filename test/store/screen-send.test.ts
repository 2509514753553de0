import { expect, it } from "vitest";
import type { KeyId } from "../../src/model/ids.ts";
import type { OutboundReason } from "../../src/model/outbound.ts";
import type { ScreenProposal, Screened } from "../../src/store/contract-outbound.ts";
import { DAY, HOUR, MINUTE, newId, NOON } from "./samples.ts";
import {
  addKey,
  approvalOf,
  atSending,
  deliveriesOf,
  fresh,
  GATED,
  inDatabase,
  letterOf,
  openAutonomous,
  openOutboundWorld,
  type OutboundWorld,
  questionAbout,
  screen,
  setMode,
  suppressionOf,
  to,
} from "./outbound-samples.ts";

const LATER = NOON + 3 * HOUR;

async function submitted(world: OutboundWorld, changes: Partial<ScreenProposal> = {}): Promise<ScreenProposal> {
  const letter = letterOf(world, { proposal: changes });
  await screen(world.store, letter);
  return letter;
}

async function approved(world: OutboundWorld, by: readonly KeyId[] = [world.approver]): Promise<ScreenProposal> {
  const letter = await submitted(world, GATED);
  for (const key of by) await approve(world, letter, key);
  return letter;
}

async function approve(world: OutboundWorld, letter: ScreenProposal, key = world.approver, at = NOON + MINUTE): Promise<void> {
  expect(await world.store.run("holds.decide", approvalOf(letter, key, at))).toMatchObject({ result: "accepted" });
}

function draftOf({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("drafts.get", { tenant, id: input.draft });
}

function decisionOf({ store }: OutboundWorld, { input }: ScreenProposal, stage: "submit" | "release" | "send") {
  return store.run("decisions.of_draft", { message: input.message, stage });
}

async function demand(world: OutboundWorld, approvals: object): Promise<void> {
  const { tenant, mailbox, store } = world;
  const document = JSON.stringify({ outbound: { approvals } });
  await store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest: newId("pol"), document, at: NOON, actor: "postern" });
}

async function usedOf(world: OutboundWorld, at: number): Promise<number> {
  return (await world.store.run("outbound.facts", questionAbout(world, { at })))!.sends.lastHour;
}

function stop(world: OutboundWorld, stopped: boolean) {
  const { tenant, mailbox } = world;
  return world.store.run("oversight.stop", { tenant, target: { mailbox }, stopped, actor: "postern", at: NOON, ...fresh() });
}

function staleOf(screened: Screened): Extract<Screened, { kind: "stale" }> {
  if (screened.kind !== "stale") throw new Error("the approval still fits");
  return screened;
}

it("X-20 what may still go goes by the decision it had, and counts from now", async () => {
  const world = await openAutonomous();
  const letter = await submitted(world);
  const standing = await decisionOf(world, letter, "submit");
  for (const at of [LATER, LATER + 1]) {
    expect(await screen(world.store, atSending(letter, { at }))).toEqual({ decision: standing, hold: null, wait_until: null, ready: null });
  }
  expect([await usedOf(world, NOON), await usedOf(world, LATER + 1)]).toEqual([1, 1]);
  expect(await usedOf(world, LATER + 1 + HOUR)).toBe(0);
  expect(await decisionOf(world, letter, "send")).toBeNull();
  expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "mode_autonomous", updated_at: NOON });
});

it("MM-13 an approval that fits lets the draft go", async () => {
  const world = await openOutboundWorld();
  const letter = await approved(world);
  const { decision } = await screen(world.store, atSending(letter, { at: LATER }));
  expect(decision).toEqual(await decisionOf(world, letter, "release"));
  expect(decision).toMatchObject({ stage: "release", outcome: "queued", reason: "approved_by_person" });
});

it("NY-13 over a cap at its time the draft waits until there is room, and is charged once", async () => {
  const world = await openAutonomous();
  const caps = { perHour: 1, perDay: 9 };
  const letter = await submitted(world, { caps });
  await screen(world.store, letterOf(world, { at: LATER - MINUTE, proposal: { caps } }));
  const waiting = await screen(world.store, atSending(letter, { at: LATER }));
  expect(waiting).toMatchObject({ decision: { outcome: "queued" }, wait_until: LATER - MINUTE + HOUR });
  expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "send_limit_per_hour" });
  const at = waiting.wait_until!;
  expect(await screen(world.store, atSending(letter, { at }))).toMatchObject({ decision: { outcome: "queued" }, wait_until: null });
  expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "mode_autonomous" });
  expect(await usedOf(world, at)).toBe(1);
});

it("NY-13 what the policy found over its cap is looked at again, when there is room by now", async () => {
  const world = await openAutonomous();
  const letter = await submitted(world);
  const limited = { outcome: "rate_limited", reason: "send_limit_per_hour", judged_at: "caps" } as const;
  const { wait_until } = await screen(world.store, atSending(letter, { ...limited, at: LATER }));
  expect(wait_until).toBeGreaterThan(LATER);
  expect(wait_until).toBeLessThanOrEqual(LATER + MINUTE);
});

it("X-27 a stop lets a draft wait, and lifted lets it go", async () => {
  const world = await openOutboundWorld();
  const letter = await approved(world);
  await stop(world, true);
  const found = { outcome: "blocked", reason: "stopped_mailbox", judged_at: "kill_switch" } as const;
  for (const proposal of [atSending(letter, { at: LATER }), atSending(letter, { at: LATER, ...found })]) {
    expect(await screen(world.store, proposal)).toMatchObject({ decision: { outcome: "queued" }, wait_until: LATER + 10 * MINUTE });
  }
  expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "stopped_mailbox" });
  await stop(world, false);
  const early = await screen(world.store, atSending(letter, { at: LATER, ...found }));
  expect(early.wait_until).toBeLessThanOrEqual(LATER + MINUTE);
  expect(await screen(world.store, atSending(letter, { at: LATER }))).toMatchObject({ wait_until: null });
  expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "approved_by_person" });
});

const FORBIDDEN: readonly [OutboundReason, Partial<ScreenProposal>, (world: OutboundWorld) => unknown][] = [
  ["block_list", { outcome: "blocked", reason: "block_list", judged_at: "lists" }, () => null],
  ["author_key_revoked", {}, (world) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: NOON })],
  ["mode_read_only", {}, (world) => setMode(world, "read_only")],
  ["suppressed", {}, (world) => world.store.run("suppressions.put", suppressionOf(world.tenant, "anna@acme.example"))],
];

it.each(FORBIDDEN)("X-20 NY-01 PB-20 what forbids it by now ends it for good, with one entry: %s", async (reason, changes, move) => {
  const world = await openOutboundWorld();
  const letter = await approved(world);
  await move(world);
  const { decision } = await screen(world.store, atSending(letter, { at: LATER, ...changes }));
  const release = (await decisionOf(world, letter, "release"))!;
  expect(decision).toMatchObject({ stage: "send", outcome: "blocked", reason, supersedes: release.id });
  expect(await draftOf(world, letter)).toMatchObject({ state: "blocked", reason, decision: decision.id });
  expect(await deliveriesOf(world, letter.input.draft)).toEqual([]);
  expect(await screen(world.store, atSending(letter))).toMatchObject({ decision });
  const entries = await world.store.run("audit.of_message", { tenant: world.tenant, message: letter.input.message });
  const decisions = entries.map(({ leaf }) => JSON.parse(leaf) as { decision?: string }).filter((leaf) => leaf.decision === decision.id);
  expect(decisions).toHaveLength(1);
});

it("who has it already has it: blocked between two attempts, the draft was sent to the others", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world, { recipients: to("a@acme.example", "b@acme.example", "c@acme.example") });
  await screen(world.store, letter);
  inDatabase(world, (db) => {
    db.prepare("update drafts set state = 'sending' where id = ?").run(letter.input.draft);
    const deliver = db.prepare("update deliveries set state = ?, attempt = 1 where draft = ? and recipient = ?");
    deliver.run("accepted", letter.input.draft, "a@acme.example");
    deliver.run("deferred", letter.input.draft, "b@acme.example");
  });
  const blocked = { outcome: "blocked", reason: "block_list", judged_at: "lists" } as const;
  expect((await screen(world.store, atSending(letter, { ...blocked, at: LATER }))).decision).toMatchObject({ outcome: "blocked" });
  expect(await draftOf(world, letter)).toMatchObject({ state: "sent", reason: "block_list" });
  expect((await deliveriesOf(world, letter.input.draft)).map(({ recipient, state }) => `${recipient} ${state}`)).toEqual([
    "a@acme.example accepted",
    "b@acme.example refused",
  ]);
});

const STALE: readonly [string, (world: OutboundWorld) => Promise<unknown>][] = [
  ["a higher quorum", (world) => demand(world, { quorum: 2 })],
  ["other approvers", (world) => demand(world, { approvers: [newId("key")] })],
  ["an approver whose key was revoked", (world) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.approver, at: NOON })],
];

it.each(STALE)("DESIGN §9.6 an approval that fits no more sends the draft back to people: %s", async (_, move) => {
  const world = await openOutboundWorld();
  const letter = await approved(world);
  await move(world);
  const screened = staleOf(await world.store.run("outbound.screen", atSending(letter, { ...GATED, at: LATER })));
  expect(screened.hold.expires_at).toBe(LATER + 7 * DAY);
  expect(screened.decision).toMatchObject({ stage: "submit", outcome: "pending_send_approval", reason: "approval_stale" });
  expect(await draftOf(world, letter)).toMatchObject({
    state: "pending_send_approval",
    reason: "approval_stale",
    decision: screened.decision.id,
  });
  const hold = await world.store.run("holds.get", { tenant: world.tenant, id: letter.input.draft });
  expect(hold).toMatchObject({ status: "waiting", approved_by: [], decided_at: null });
  expect(await world.store.run("outbound.screen", atSending(letter, GATED))).toEqual(screened);
  expect(await decisionOf(world, letter, "submit")).toEqual(screened.decision);
});

it("MM-13 after another round the draft goes by that round's approval, and each final decision has one entry", async () => {
  const world = await openOutboundWorld();
  const letter = await approved(world);
  const first = await decisionOf(world, letter, "release");
  await demand(world, { quorum: 2 });
  staleOf(await world.store.run("outbound.screen", atSending(letter, { ...GATED, at: LATER })));
  const second = await addKey(world.store, world.tenant, ["oversight"]);
  for (const key of [world.approver, second]) await approve(world, letter, key, LATER + MINUTE);
  const { decision } = await screen(world.store, atSending(letter, { ...GATED, at: LATER + HOUR }));
  expect(decision).toMatchObject({ stage: "release", outcome: "queued" });
  expect(decision.id).not.toBe(first!.id);
  const { tenant, mailbox } = world;
  const { message } = letter.input;
  const { items } = await world.store.run("decisions.list", { tenant, mailbox, message, limit: 10 });
  expect(items.map((row) => row.final)).toEqual([true, true, true, true]);
  const entries = await world.store.run("audit.of_message", { tenant, message });
  const named = entries.map(({ leaf }) => JSON.parse(leaf) as { decision?: string }).flatMap((leaf) => leaf.decision ?? []);
  expect(named.toSorted()).toEqual(items.map((row) => row.decision.id).toSorted());
});

it("MM-28 a mailbox lowered after the queue asks its people, for the first time", async () => {
  const world = await openAutonomous();
  const letter = await submitted(world);
  setMode(world, "gated_send");
  const { decision } = staleOf(await world.store.run("outbound.screen", atSending(letter, { at: LATER })));
  expect(decision).toMatchObject({ outcome: "pending_send_approval", reason: "mode_gated_send" });
  expect(await draftOf(world, letter)).toMatchObject({ state: "pending_send_approval", mode: "gated_send" });
  await approve(world, letter, world.approver, LATER + MINUTE);
  expect((await screen(world.store, atSending(letter, { at: LATER + HOUR }))).decision).toMatchObject({ reason: "approved_by_person" });
});

it("who may decide only after an escalation has decided for good", async () => {
  const world = await openOutboundWorld();
  const chief = await addKey(world.store, world.tenant, ["oversight"]);
  await demand(world, { approvers: [world.approver], escalateTo: [chief] });
  const letter = await submitted(world, GATED);
  const escalated = { tenant: world.tenant, hold: letter.input.draft, event: "escalate", at: NOON + 6 * DAY } as const;
  await world.store.run("holds.timer", { ...escalated, trace: letter.trace, decision_id: newId("dec"), ...fresh() });
  await approve(world, letter, chief, NOON + 6 * DAY);
  expect((await screen(world.store, atSending(letter, { ...GATED, at: NOON + 6 * DAY }))).decision).toMatchObject({ outcome: "queued" });
});

it("the content that is proposed must be the draft's own", async () => {
  const world = await openAutonomous();
  const letter = await submitted(world);
  const other = { ...letter.revision, content_hash: "0".repeat(64) };
  await expect(world.store.run("outbound.screen", atSending(letter, { revision: other }))).rejects.toMatchObject({ temporary: true });
  await expect(world.store.run("outbound.screen", atSending(letterOf(world)))).rejects.toMatchObject({ code: "not_found" });
});

it("a draft that was taken back stays so", async () => {
  const world = await openOutboundWorld();
  const letter = await submitted(world, GATED);
  const cancel = { ...approvalOf(letter, world.author, NOON), action: "cancel" as const };
  await world.store.run("holds.decide", cancel);
  expect((await screen(world.store, atSending(letter))).decision).toMatchObject({ stage: "release", outcome: "cancelled" });
});
