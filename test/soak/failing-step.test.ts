import { WorkflowFailedError } from "@temporalio/client";
import { afterAll, beforeAll, expect, it } from "vitest";
import { GATHERING } from "../../src/gathering.ts";
import { PosternError } from "../../src/model/errors.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { openGateRig, type GateRig } from "../workflows/gate-rig.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const BOSS = "boss@acme.example";

let rig: GateRig;
beforeAll(async () => {
  rig = await openGateRig([acme]);
});
afterAll(() => rig?.close());

// A step is given up on after a minute, so this takes one.
it("a step that fails for good fails the run it is in, after everybody else was recorded, and the retry is judged", async () => {
  const at = await rig.mailbox();
  const mail = async () => ({ bytes: await sign(write({ from: BOSS }), acme), sender: BOSS, ip: acme.ip });
  const [broken, ...others] = [await mail(), await mail(), await mail()];
  rig.failOn(
    broken,
    "authenticate",
    ...Array.from({ length: 1_000 }, () => new PosternError("unavailable", "not now", { temporary: true })),
  );
  const gate = rig.newGate({ gathering: { ...GATHERING, runs: 0, waitMs: 60_000, messages: 3 } });
  const failing = rig.receive(at, broken, gate, 5_000);
  const received = await Promise.all(others.map((each) => rig.receive(at, each, gate)));
  for (const { answer } of received) expect(answer).toMatchObject({ kind: "decided", decision: { outcome: "delivered" } });
  expect((await failing).answer).toEqual({ kind: "deferred", reason: "no_answer" });
  const [entry] = await rig.store.run("audit.of_message", { tenant: at.tenant, message: received[0]!.input.message });
  const { workflow_id, run_id } = JSON.parse(entry!.leaf) as { readonly workflow_id: string; readonly run_id: string };
  const end = await rig.client.workflow
    .getHandle(workflow_id, run_id)
    .result()
    .catch((error: unknown) => error);
  expect(end).toBeInstanceOf(WorkflowFailedError);
  expect(end.cause).toMatchObject({ type: "unavailable" });
  rig.failOn(broken, "authenticate");
  expect((await rig.receive(at, broken)).answer).toMatchObject({ kind: "decided", decision: { outcome: "delivered" } });
});
