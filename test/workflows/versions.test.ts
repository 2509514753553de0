import { describe, expect, it } from "vitest";
import { openVersionsRig } from "./versions-rig.ts";

// What src/deploy/production.md says of Worker Versioning.
describe.concurrent("X-06 what waits for people while a team's worker gets another version", () => {
  it("AUTO_UPGRADE: is decided in the new one once the old is gone, and leaves once", { timeout: 60_000 }, async () => {
    await using rig = await openVersionsRig("AUTO_UPGRADE");
    await rig.start("first");
    await rig.current("first");
    const [draft, message] = [await rig.send(), await rig.held()];
    expect([await rig.buildOf(draft.id), await rig.buildOf(message)]).toEqual(["first", "first"]);
    await rig.start("second");
    await rig.current("second");
    await rig.stop("first");
    expect(await rig.approve(draft)).toMatchObject({ status: "approved" });
    expect(await rig.ended(draft.id)).toEqual({ state: "sent" });
    await rig.release(message);
    expect(await rig.ended(message)).toEqual({ status: "approved" });
    expect([await rig.buildOf(draft.id), await rig.buildOf(message)]).toEqual(["second", "second"]);
    expect(rig.peer.taken).toHaveLength(1);
  });

  it("PINNED: waits for a worker of the old one, or until it is told to go on", { timeout: 60_000 }, async () => {
    await using rig = await openVersionsRig("PINNED");
    await rig.start("first");
    await rig.current("first");
    const [stays, moves] = [await rig.send(), await rig.send()];
    expect([await rig.buildOf(stays.id), await rig.buildOf(moves.id)]).toEqual(["first", "first"]);
    await rig.start("second");
    await rig.current("second");
    await rig.stop("first");
    await rig.letGoOn(moves.id);
    expect(await rig.approve(moves)).toMatchObject({ status: "approved" });
    expect(await rig.ended(moves.id)).toEqual({ state: "sent" });
    const answer = rig.approve(stays);
    expect(await rig.statusOf(stays)).toBe("pending_send_approval");
    await rig.start("first");
    expect(await answer).toMatchObject({ status: "approved" });
    expect(await rig.ended(stays.id)).toEqual({ state: "sent" });
    expect([await rig.buildOf(stays.id), await rig.buildOf(moves.id)]).toEqual(["first", "second"]);
    expect(rig.peer.taken).toHaveLength(2);
  });
});
