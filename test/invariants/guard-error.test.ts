import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signDecisionToken } from "../../src/grants/decision-token.ts";
import { PosternError } from "../../src/model/errors.ts";
import { holdWorkflowId, inboundWorkflowId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import type { MailReader } from "../../src/mail/reader.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { addKey } from "../store/outbound-samples.ts";
import { newId } from "../store/samples.ts";
import { openGateRig, type GateRig } from "../workflows/gate-rig.ts";
import { payloadsIn } from "../workflows/histories.ts";
import { canary, sightings } from "./canary.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const BOSS = "boss@acme.example";
/** An error can quote the mail it failed on. */
const QUOTED = canary("quoted");

let rig: GateRig;
beforeAll(async () => {
  rig = await openGateRig([acme]);
});
afterAll(() => rig?.close());

async function receive(text = "Hello.") {
  const place = await rig.mailbox();
  const { input, answer } = await rig.receive(place, { bytes: await sign(write({ from: BOSS, text }), acme), sender: BOSS, ip: acme.ip });
  const forAgent = await rig.store.run("messages.get", { tenant: place.tenant, id: input.message, view: "agent" });
  return { input, answer, forAgent };
}

/** By the key of a person who may. */
async function approve({ tenant, mailbox, message: hold }: InboundInput) {
  const actor = await addKey(rig.store, tenant, ["oversight"]);
  const decided = { tenant, hold, workflow: holdWorkflowId(hold), action: "approve", actor, content_hash: null, edit: null } as const;
  const nonce = newId("jti");
  const token = await signDecisionToken(rig.grants, decided, Date.now(), nonce, 60);
  return rig.gate.decide({ tenant, mailbox, hold }, "approve", { token, nonce });
}

const broken = () => new PosternError("internal", `cannot read ${QUOTED}`, { detail: QUOTED });
const strange = () => new TypeError(QUOTED);
const temporary = () => new PosternError("unavailable", `not now, ${QUOTED}`, { temporary: true, detail: QUOTED });

const STEPS = ["authenticate", "scan", "headline"] as const satisfies readonly (keyof MailReader)[];

describe("DESIGN §9.4 an error of a step is a hold, never a pass", () => {
  it.each(STEPS.flatMap((step) => [[step, "a fault", broken] as const, [step, "an exception", strange] as const]))(
    "when `%s` ends with %s the message is held, and the agent does not see it",
    async (step, _what, error) => {
      rig.failNext(step, error());
      const { answer, forAgent } = await receive();
      expect(answer).toMatchObject({ kind: "decided", decision: { outcome: "held", reason: "guard_error", capabilities: [] } });
      expect(forAgent).toBeNull();
    },
  );

  it.each(STEPS)("when `%s` cannot be done for now it is done again, and the message is delivered once", async (step) => {
    rig.failNext(step, temporary(), temporary());
    const { answer, forAgent } = await receive();
    expect(answer).toMatchObject({ kind: "decided", decision: { outcome: "delivered" } });
    expect(forAgent).toMatchObject({ delivery_seq: 1, subject: "Hello" });
  });

  it("an error never softens a refusal: what a content guard refused stays refused when its row cannot quote it", async () => {
    rig.failNext("headline", broken());
    const { answer } = await receive("This is forbidden.");
    expect(answer).toMatchObject({ kind: "decided", decision: { outcome: "rejected_at_content_guard", reason: "words" } });
  });

  it("a person can release what an error held", async () => {
    rig.failNext("scan", broken());
    const { input, forAgent } = await receive();
    expect(forAgent).toBeNull();
    expect(await approve(input)).toMatchObject({ result: "accepted", status: "approved" });
    expect(await rig.store.run("messages.get", { tenant: input.tenant, id: input.message, view: "agent" })).toMatchObject({
      subject: "Hello",
      outcome: "delivered",
    });
  });

  it("DESIGN §9.10 what an error says of the mail stays out of the history and of what is reported", async () => {
    rig.faults.splice(0);
    rig.failNext("authenticate", temporary());
    rig.failNext("scan", strange());
    const { input } = await receive();
    const handle = rig.client.workflow.getHandle(inboundWorkflowId(input.message));
    await handle.result();
    const history = historyToJSON(await handle.fetchHistory());
    expect(sightings([history, ...payloadsIn(history)].join("\n"), { QUOTED })).toEqual([]);
    expect(rig.faults).toMatchObject([
      { activity: "posternVerify", code: "unavailable" },
      { activity: "guard", code: "TypeError" },
    ]);
    expect(sightings(JSON.stringify(rig.faults), { QUOTED })).toEqual([]);
  });
});
