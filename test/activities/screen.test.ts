import { describe, expect, it } from "vitest";
import { compose } from "../../activities/compose.ts";
import { screen, screenSend } from "../../activities/screen.ts";
import type { OutboundInput, Submission } from "../../src/model/outbound.ts";
import type { Trace } from "../../src/store/contract.ts";
import { approvalOf, inDatabase, letterOf, setMode } from "../store/outbound-samples.ts";
import { HOUR, NOON } from "../store/samples.ts";
import { openRig, type Rig } from "../screening/rig.ts";

function traceOf({ draft }: OutboundInput, run = "run-1"): Trace {
  return { workflow_id: `out-${draft.slice(4)}`, run_id: run, activity_id: "2" };
}

async function submit(rig: Rig, submission: Partial<Submission> = {}) {
  const input = await rig.inputOf(submission);
  const { revision } = await compose(rig.deps, input);
  return { input, revision, step: await screen(rig.deps, input, traceOf(input)) };
}

function draftOf({ store }: Rig, { tenant, draft }: OutboundInput) {
  return store.run("drafts.get", { tenant, id: draft });
}

/** What a step returns stays in the history. */
function expectNobody(value: unknown): void {
  expect(JSON.stringify(value)).not.toMatch(/@|acme|anna|dinner|eight/i);
}

describe("composing and screening a submit", () => {
  it("MM-06 lets a draft go, with its revision and decision recorded", async () => {
    const rig = await openRig();
    const { input, revision, step } = await submit(rig);
    expect(step).toEqual({ kind: "go", quick: true });
    expect(await draftOf(rig, input)).toMatchObject({
      state: "queued",
      reason: "mode_autonomous",
      mode: "autonomous",
      revision: { ...revision, subject: "Dinner", recipients: [{ kind: "to", address: "anna@acme.example" }, {}, {}] },
    });
  });

  it("X-20 one that has a time is not sent by the step that follows at once", async () => {
    const rig = await openRig();
    const input = { ...(await rig.inputOf()), send_at: NOON + HOUR };
    expect(await screen(rig.deps, input, traceOf(input))).toEqual({ kind: "go", quick: false });
  });

  it("MM-04 holds one with the times of its hold", async () => {
    const rig = await openRig("gated_send");
    await rig.setPolicy({ approvals: { expireAfter: "10 s", remindAfter: "2 s" } });
    const { input, step } = await submit(rig);
    expect(step).toEqual({ kind: "hold", times: { remind_at: NOON + 2_000, escalate_at: NOON + 8_000, expires_at: NOON + 10_000 } });
    expect(await draftOf(rig, input)).toMatchObject({ state: "pending_send_approval" });
  });

  it("NY-08 blocks one, and the row says for whom without an address in the history", async () => {
    const rig = await openRig();
    await rig.setPolicy({ block: ["other.example"] });
    const { input, step } = await submit(rig);
    expect(step).toEqual({ kind: "blocked", reason: "block_list" });
    const draft = (await draftOf(rig, input))!;
    const { decision } = (await rig.store.run("decisions.get", { tenant: input.tenant, id: draft.decision }))!;
    const [finding] = decision.findings;
    expect(draft.revision.recipients[finding!.recipient!]).toEqual({ kind: "bcc", address: "bcc@other.example" });
  });

  it("PB-06 a draft over a cap is limited and has no row", async () => {
    const rig = await openRig();
    await rig.setPolicy({ perHour: 1 });
    await submit(rig);
    const { input, step } = await submit(rig);
    expect(step).toEqual({ kind: "limited", reason: "send_limit_per_hour" });
    expect(await draftOf(rig, input)).toBeNull();
  });

  it("DESIGN §9.10 gives the history references, codes and times, and no name and no text", async () => {
    const rig = await openRig("gated_send");
    for (const outbound of [{}, { block: ["acme.example"] }, { maxMode: "read_only" }] as const) {
      await rig.setPolicy(outbound);
      const { step } = await submit(rig);
      expectNobody(step);
    }
  });

  it("DESIGN §9 in another process, or twice, it comes to the same and is recorded once", async () => {
    const rig = await openRig("gated_send");
    const input = await rig.inputOf();
    const elsewhere = { ...rig.deps, freezer: rig.newFreezer(), screening: rig.newScreening() };
    const step = await screen(elsewhere, input, traceOf(input));
    expect(await screen(rig.deps, input, traceOf(input))).toEqual(step);
    const rows = inDatabase(rig.world, (db) => db.prepare("select count(*) as n from decisions where message = ?").get(input.message));
    expect(rows).toEqual({ n: 1 });
  });

  it("a draft that no door would have let in fails as the request's fault", async () => {
    const rig = await openRig();
    const input = await rig.inputOf({ to: [], cc: [], bcc: [] });
    await expect(screen(rig.deps, input, traceOf(input))).rejects.toMatchObject({ code: "invalid_request", temporary: false });
    expect(await draftOf(rig, input)).toBeNull();
  });
});

describe("screening again before sending", () => {
  const again = (rig: Rig, input: OutboundInput) => screenSend(rig.deps, input, traceOf(input));

  it("DESIGN §4.5 an approved draft goes; under a stricter policy it waits anew", async () => {
    const rig = await openRig("gated_send");
    const { input, revision } = await submit(rig);
    const approval = approvalOf({ ...letterOf(rig.world), input, revision }, rig.world.approver, NOON);
    expect(await rig.store.run("holds.decide", approval)).toMatchObject({ result: "accepted", status: "approved" });
    expect(await again(rig, input)).toEqual({ kind: "go", revision });
    await rig.setPolicy({ approvals: { quorum: 2, expireAfter: "1 min" } });
    const times = { remind_at: NOON + 30_000, escalate_at: NOON + 48_000, expires_at: NOON + 60_000 };
    expect(await again(rig, input)).toEqual({ kind: "hold", times });
    expect(await draftOf(rig, input)).toMatchObject({ state: "pending_send_approval", reason: "approval_stale" });
  });

  it("X-20 a draft queued in `autonomous` is judged by the mode of its time", async () => {
    const rig = await openRig();
    const { input } = await submit(rig);
    setMode(rig.world, "gated_send");
    expect(await again(rig, input)).toMatchObject({ kind: "hold" });
    expect(await draftOf(rig, input)).toMatchObject({ state: "pending_send_approval", reason: "mode_gated_send" });
  });

  it("NY-13 and NY-08 a cap makes it wait, a block of today ends it", async () => {
    const rig = await openRig();
    const [first, second] = [await submit(rig), await submit(rig)];
    await rig.setPolicy({ perHour: 1 });
    expect(await again(rig, first.input)).toEqual({ kind: "wait", until: NOON + HOUR });
    await rig.setPolicy({ block: ["acme.example"] });
    const blocked = await again(rig, second.input);
    expect(blocked).toEqual({ kind: "over", state: "blocked" });
    expect(await again(rig, second.input)).toEqual(blocked);
    expectNobody(blocked);
  });

  it("X-27 a kill switch makes it wait, and ends nothing", async () => {
    const rig = await openRig();
    const { input, revision } = await submit(rig);
    const { tenant } = rig.world;
    inDatabase(rig.world, (db) => db.prepare("insert into stops values (?, 'tenant', ?, ?)").run(tenant, tenant, NOON));
    expect(await again(rig, input)).toMatchObject({ kind: "wait" });
    inDatabase(rig.world, (db) => db.prepare("delete from stops where tenant = ?").run(tenant));
    expect(await again(rig, input)).toEqual({ kind: "go", revision });
  });

  it("MB-18 a draft of another tenant is none", async () => {
    const [rig, other] = [await openRig(), await openRig()];
    const { input } = await submit(rig);
    await expect(again(rig, { ...input, tenant: other.world.tenant })).rejects.toMatchObject({ code: "not_found" });
  });
});
