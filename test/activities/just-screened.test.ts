import { describe, expect, it } from "vitest";
import { screen } from "../../activities/screen.ts";
import { JustScreened } from "../../activities/just-screened.ts";
import type { DraftId } from "../../src/model/ids.ts";
import { openRig } from "../screening/rig.ts";
import { newId, NOON } from "../store/samples.ts";

const FOUND = { facts: null, ready: null, decision: newId("dec") };

describe("DESIGN §4.5 what was found when a draft was screened", () => {
  it("is what a look finds that comes at once", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    await screen(rig.deps, input, { workflow_id: "out-x", run_id: "run-1", activity_id: "1" });
    const { draft: row, facts, ready } = (await rig.store.run("sends.look", { tenant: input.tenant, draft: input.draft, at: NOON }))!;
    expect(row.state).toBe("queued");
    expect(rig.deps.justScreened.take(input.draft)).toEqual({ facts, ready, decision: row.decision });
  });

  it("is kept of no draft that people are asked about", async () => {
    const rig = await openRig("gated_send");
    const input = await rig.inputOf();
    await screen(rig.deps, input, { workflow_id: "out-x", run_id: "run-1", activity_id: "1" });
    expect(rig.deps.justScreened.take(input.draft)).toBeNull();
  });

  it("is not kept of a draft that leaves at its time", async () => {
    const rig = await openRig();
    const input = { ...(await rig.inputOf()), send_at: NOON + 60_000 };
    await screen(rig.deps, input, { workflow_id: "out-x", run_id: "run-1", activity_id: "1" });
    expect(rig.deps.justScreened.take(input.draft)).toBeNull();
  });

  it("is given out once, and within five seconds", () => {
    let now = NOON;
    const just = new JustScreened(() => now);
    const [first, second] = [newId("drf"), newId("drf")];
    just.put(first, FOUND);
    just.put(second, FOUND);
    expect(just.take(first)).toBe(FOUND);
    expect(just.take(first)).toBeNull();
    now += 5_000;
    expect(just.take(second)).toBeNull();
  });

  it("is that of the latest 64 drafts", () => {
    const just = new JustScreened(() => NOON);
    const drafts = Array.from({ length: 65 }, (): DraftId => newId("drf"));
    for (const draft of drafts) just.put(draft, FOUND);
    expect(drafts.filter((draft) => just.take(draft) !== null)).toEqual(drafts.slice(1));
  });
});
