import { describe, expect, it } from "vitest";
import { leave, type LeaveDeps } from "../../activities/leave.ts";
import { screen, screenSend } from "../../activities/screen.ts";
import type { OutboundInput } from "../../src/model/outbound.ts";
import type { OperationName, Store } from "../../src/store/contract.ts";
import { openRig, type Rig } from "../screening/rig.ts";
import { approvalOf, letterOf, setMode } from "../store/outbound-samples.ts";
import { NOON } from "../store/samples.ts";

const TRACE = { workflow_id: "out-x", run_id: "run-1", activity_id: "2" };
const PULSE = { heartbeat: () => undefined, signal: new AbortController().signal };
const SENT = { kind: "done", state: "sent", copy: false };

/** What leaving asked the store, and what it gave to whom as the reviewed or the machine's own. */
function leaving({ deps, store, blobs }: Rig) {
  const asked: OperationName[] = [];
  const given: { readonly recipients: readonly string[]; readonly reviewed: boolean }[] = [];
  let reviewed = false;
  const recording: Store = {
    ...{ watch: (key, ms) => store.watch(key, ms), close: () => store.close() },
    run(name, args) {
      asked.push(name);
      return store.run(name, args);
    },
  };
  const parts: Partial<LeaveDeps> = {
    ...{ ...deps, blobs, store: recording, retryMs: 1_000, onFault: () => undefined },
    judge: (input, revision, facts) => deps.screening.judge(input, revision, revision, facts ?? undefined),
    signers: async () => ({ dkim: null, identity: null }) as never,
    composer: {
      async seal({ bytes }: { bytes?: Buffer }, seal: { reviewed: boolean }) {
        ({ reviewed } = seal);
        return bytes!;
      },
    } as unknown as LeaveDeps["composer"],
    transport: {
      kind: "smtp",
      async send({ envelope, bytes }, claim) {
        await bytes();
        const { recipients } = envelope;
        if (!(await claim(recipients))) return { end: "failed_before_data", replies: [] };
        given.push({ recipients, reviewed });
        return { end: "completed", replies: recipients.map((recipient) => ({ recipient, code: 250, enhanced: "2.0.0", text: "ok" })) };
      },
      close: async () => undefined,
    },
  };
  const go = (input: OutboundInput) => leave(parts as LeaveDeps, input, { at: NOON, tries: 0 }, PULSE, TRACE);
  return { go, asked, given };
}

describe("DESIGN §4.5 a draft that was screened a moment ago", () => {
  it("leaves by what was found then, and once", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    await screen(rig.deps, input, TRACE);
    const { go, asked, given } = leaving(rig);
    expect(await go(input)).toEqual(SENT);
    expect(asked).toEqual(["drafts.get", "sends.claim", "sends.record"]);
    expect(await go(input)).toEqual(SENT);
    expect(asked).toContain("sends.look");
    expect(given).toHaveLength(1);
    expect(given[0]).toMatchObject({ reviewed: false });
  });

  it("is stopped by what has changed since", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    await screen(rig.deps, input, TRACE);
    setMode(rig.world, "gated_send");
    const { go, given } = leaving(rig);
    expect(await go(input)).toMatchObject({ kind: "hold" });
    expect(given).toEqual([]);
  });

  it("DESIGN §9.6 is looked at anew when people were asked meanwhile, elsewhere, and have agreed", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    await screen(rig.deps, input, TRACE);
    setMode(rig.world, "gated_send");
    expect(await screenSend(rig.deps, input, TRACE)).toMatchObject({ kind: "hold" });
    const { revision } = (await rig.store.run("drafts.get", { tenant: input.tenant, id: input.draft }))!;
    await rig.store.run("holds.decide", approvalOf({ ...letterOf(rig.world), input, revision }, rig.world.approver, NOON));
    const { go, given } = leaving(rig);
    expect(await go(input)).toEqual(SENT);
    expect(given).toMatchObject([{ reviewed: true }]);
  });
});
