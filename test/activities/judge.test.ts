import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { budget } from "../../activities/budget.ts";
import type { ActivityDeps } from "../../activities/deps.ts";
import { guard } from "../../activities/guard.ts";
import { verify } from "../../activities/verify.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import type { Decision } from "../../src/model/decision.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { newId, NOON } from "../store/samples.ts";
import { openWorld } from "../store/world.ts";

const RAW = Buffer.from("From: boss@acme.example\r\nMessage-ID: <1@acme.example>\r\n\r\nhello\r\n");
const STEPS = ["verify", "guard", "budget"] as const;
type Step = (typeof STEPS)[number];

/** A mailbox that anybody may write to, and one message for it. */
async function openRig(defaultAction = "bounce", senders: readonly object[] = ANYBODY, more: object = {}) {
  const { store, tenant, mailbox } = await openWorld();
  const blobs = createMemoryBlobs(Date.now);
  const deps = (): ActivityDeps => ({
    ...{ store, blobs, uses: createUses(), clock: () => NOON, random: randomBytes, loopCaps: { perThread: 10, perPair: 30 } },
    // Of its own: what a reader has parsed it remembers.
    reader: createMailReader({ blobs, resolver: createZoneResolver({}), now: Date.now }),
    onFault: () => undefined,
  });
  const document = JSON.stringify({ senders, defaultAction, ...more });
  await store.run("policies.put", { id: newId("pol"), tenant, mailbox, digest: newId("pol"), document, at: NOON, actor: "postern" });
  const put = async () => {
    const writer = await blobs.create(tenant);
    await writer.write(RAW);
    return writer.commit();
  };
  const envelope = { ip: "192.0.2.1", helo: "mx.example", sender: "boss@acme.example", recipient: "assistant@acme.example" };
  const input: InboundInput = { tenant, mailbox, message: newId("msg"), ref: await put(), envelope, received_at: NOON };
  /** One run, in which the bytes go before this step. */
  async function judge(run: string, goneBefore: Step | null): Promise<Decision> {
    const before = async (step: Step): Promise<ActivityDeps> => {
      if (step === goneBefore) await blobs.remove(tenant, input.ref.digest);
      return deps();
    };
    const verified = await verify(await before("verify"), input);
    const guarded = await guard(await before("guard"), input, verified);
    return budget(await before("budget"), input, verified, guarded, { workflow_id: "in-x", run_id: run, activity_id: "3" });
  }
  const row = () => store.run("messages.get", { tenant, id: input.message, view: "all" });
  return { put, judge, row };
}

const ANYBODY = [{ match: { domain: "*", allowUnverified: true }, capabilities: ["read_calendar"] }];

describe("DESIGN §9.2 a message whose bytes went while it was judged, as after a crash between two attempts", () => {
  it.each(STEPS)("is not accepted when they go before `%s`; the sender's next attempt brings them and is judged afresh", async (step) => {
    const { judge, put, row } = await openRig();
    expect(await judge("first", step)).toMatchObject({ outcome: "deferred", reason: "raw_missing", capabilities: [], reservations: [] });
    expect(await row()).toBeNull();
    await put();
    expect(await judge("second", null)).toMatchObject({ outcome: "delivered", capabilities: ["read_calendar"] });
    expect(await row()).toMatchObject({ outcome: "delivered", delivery_seq: 1 });
  });

  it.each(["hold", "quarantine"])("is not kept for a person either, where the policy says `%s`", async (action) => {
    const { judge } = await openRig(action, []);
    expect(await judge("first", "budget")).toMatchObject({ outcome: "deferred", reason: "raw_missing" });
  });

  it.each([
    ["bounce", "rejected_at_policy"],
    ["drop", "discarded"],
  ])("a refusal stands, as it needs no bytes: `%s` is %s", async (action, outcome) => {
    const { judge } = await openRig(action, []);
    expect(await judge("first", "budget")).toMatchObject({ outcome, reason: "no_matching_sender_rule" });
  });
});

it("DESIGN §9.4 a stored policy that this code cannot read holds the message", async () => {
  const { judge } = await openRig("bounce", ANYBODY, { version: 2 });
  expect(await judge("first", null)).toMatchObject({ outcome: "held", reason: "guard_error", capabilities: [] });
});
