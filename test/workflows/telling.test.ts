import { Client, ServiceError, WorkflowNotFoundError, type WorkflowClientInterceptor } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { Telling, type TellingDeps } from "../../src/gate/telling.ts";
import { DECISION_SECONDS, signDecisionToken } from "../../src/grants/decision-token.ts";
import type { HoldRef, HoldWord } from "../../src/model/hold.ts";
import { holdWorkflowId, type KeyId, type MessageId } from "../../src/model/ids.ts";
import { attemptOf } from "../store/hold-samples.ts";
import { addKey } from "../store/outbound-samples.ts";
import { newId } from "../store/samples.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { openGateRig, type GateRig } from "./gate-rig.ts";

const acme = makeSigner("acme.example", "192.0.2.1");
const HELD = definePolicy({ defaultAction: "hold", senders: [] });

let rig: GateRig;
beforeAll(async () => {
  rig = await openGateRig([acme]);
});
afterAll(() => rig?.close());

interface Scene {
  readonly ref: HoldRef & { readonly hold: MessageId };
  readonly actor: KeyId;
  readonly word: HoldWord;
}

/** Mail that waits, and a person's approval of it. */
async function waiting(): Promise<Scene> {
  const { tenant, mailbox } = await rig.mailbox(HELD);
  const bytes = await sign(write({ from: "eve@acme.example", text: "Hello." }), acme);
  const { input } = await rig.receive({ tenant, mailbox }, { bytes, sender: "eve@acme.example", ip: acme.ip });
  const ref = { tenant, mailbox, hold: input.message };
  const actor = await addKey(rig.store, tenant, ["oversight"]);
  const nonce = newId("jti");
  const decided = { ...ref, workflow: holdWorkflowId(ref.hold), action: "approve", actor, content_hash: null, edit: null } as const;
  return { ref, actor, word: { nonce, token: await signDecisionToken(rig.grants, decided, Date.now(), nonce, DECISION_SECONDS.update) } };
}

/** As the workflow's own step does, which then is lost with the update. */
async function record({ ref, actor, word }: Scene): Promise<void> {
  await rig.store.run("holds.decide", attemptOf(placed(ref), ref.hold, "approve", actor, { nonce: word.nonce, at: Date.now() }));
}

const placed = (ref: HoldRef) => ({ ...ref, store: rig.store, path: rig.database });

type Updates = WorkflowClientInterceptor["startUpdateWithStart"];

function through(startUpdateWithStart: NonNullable<Updates>, more: Partial<TellingDeps> = {}): TellingDeps {
  const { connection } = rig.client;
  const client = new Client({ connection, interceptors: { workflow: [{ startUpdateWithStart }] } });
  const tickets = { sign: () => Promise.reject(new Error("no draft is begun anew")) } as unknown as TellingDeps["tickets"];
  return { client, store: rig.store, taskQueues: rig.taskQueues, tickets, onUntold: () => undefined, ...more };
}

function gone(): ServiceError {
  const said = Object.assign(new Error("14 UNAVAILABLE: gone"), { code: 14, details: "gone", metadata: {} });
  return new ServiceError("Workflow Update failed", { cause: said });
}

const workflowOf = ({ ref }: Scene) => rig.client.workflow.getHandle(holdWorkflowId(ref.hold));
const APPROVED = { result: "accepted", status: "approved", approvals: 1 };

describe("MM-11 X-06 a person's decision", () => {
  it("is answered when it is on record, however long its workflow takes to say so", async () => {
    const scene = await waiting();
    const never = Promise.withResolvers<never>();
    const telling = new Telling(
      through(async (input, next) => {
        await next(input);
        return never.promise;
      }),
    );
    expect(await telling.decide(scene.ref, "approve", scene.word)).toMatchObject(APPROVED);
    expect(await workflowOf(scene).result()).toEqual({ status: "approved" });
    telling.close();
  });

  const deaf = (): TellingDeps["store"] => ({
    run: rig.store.run.bind(rig.store),
    watch: () => ({ moved: new Promise(() => undefined), cancel: () => undefined }),
  });

  it.each([
    ["heard of at once", () => rig.store],
    ["found when the workflow does not answer", deaf],
  ])("that Temporal lost once it was on record is %s and answered, and its workflow is told until it has heard", async (_what, store) => {
    const scene = await waiting();
    let asked = 0;
    const update: NonNullable<Updates> = async (input, next) => {
      asked += 1;
      if (asked > 3) return next(input);
      if (asked === 1) await record(scene);
      throw gone();
    };
    const telling = new Telling(through(update, { store: store() }), { leastMs: 1, mostMs: 4, forMs: 20_000 });
    expect(await telling.decide(scene.ref, "approve", scene.word)).toMatchObject(APPROVED);
    await expect.poll(() => asked).toBe(4);
    await workflowOf(scene).result();
    const { events } = await workflowOf(scene).fetchHistory();
    expect(events?.filter((event) => event.workflowExecutionUpdateCompletedEventAttributes)).toHaveLength(1);
    expect(await rig.store.run("holds.attempts", scene.ref)).toMatchObject([{ result: "accepted", actor: scene.actor }]);
    telling.close();
  });

  it("is left to the upkeep when its workflow cannot be told for too long, and somebody hears of that", async () => {
    const scene = await waiting();
    const untold = Promise.withResolvers<unknown>();
    const update = async (): Promise<never> => {
      await record(scene);
      throw gone();
    };
    const telling = new Telling(through(update, { onUntold: untold.resolve }), { leastMs: 1, mostMs: 1, forMs: 0 });
    expect(await telling.decide(scene.ref, "approve", scene.word)).toMatchObject(APPROVED);
    expect(await untold.promise).toMatchObject({ code: "unavailable", temporary: true });
  });

  it("that is on no record is not answered when its workflow does not answer", async () => {
    const scene = await waiting();
    const telling = new Telling(through(() => Promise.reject(gone())));
    await expect(telling.decide(scene.ref, "approve", scene.word)).rejects.toMatchObject({ code: "unavailable", temporary: true });
    expect(await rig.store.run("holds.attempts", scene.ref)).toEqual([]);
  });

  it("is told by nobody any more once the process closes", async () => {
    const [closed, open] = [await waiting(), await waiting()];
    const asked: string[] = [];
    const untold = Promise.withResolvers<unknown>();
    const update: NonNullable<Updates> = async ({ workflowStartOptions: { workflowId } }) => {
      asked.push(workflowId);
      await record(workflowId === holdWorkflowId(closed.ref.hold) ? closed : open);
      throw gone();
    };
    const bounds = { leastMs: 1, mostMs: 1, forMs: 0 };
    const [closing, going] = [undefined, untold.resolve].map(
      (onUntold) => new Telling(through(update, onUntold === undefined ? {} : { onUntold }), bounds),
    );
    closing!.close();
    expect(await closing!.decide(closed.ref, "approve", closed.word)).toMatchObject(APPROVED);
    expect(await going!.decide(open.ref, "approve", open.word)).toMatchObject(APPROVED);
    await untold.promise;
    expect(asked.filter((workflow) => workflow === holdWorkflowId(closed.ref.hold))).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });

  it("that was put on record by a workflow that is gone now is answered with what it came to", async () => {
    const scene = await waiting();
    const update: NonNullable<Updates> = async () => {
      await record(scene);
      throw new WorkflowNotFoundError("it is gone", holdWorkflowId(scene.ref.hold), undefined);
    };
    const telling = new Telling(through(update, { store: deaf() }));
    expect(await telling.decide(scene.ref, "approve", scene.word)).toMatchObject(APPROVED);
  });

  it("that counts for nothing is answered with that, and no workflow is told again", async () => {
    const [refused, counts] = [await waiting(), await waiting()];
    const asked: string[] = [];
    const untold = Promise.withResolvers<unknown>();
    const update: NonNullable<Updates> = async ({ workflowStartOptions: { workflowId } }) => {
      asked.push(workflowId);
      await record(workflowId === holdWorkflowId(counts.ref.hold) ? counts : { ...refused, actor: newId("key") });
      throw gone();
    };
    const telling = new Telling(through(update, { onUntold: untold.resolve }), { leastMs: 1, mostMs: 1, forMs: 0 });
    const [nothing, something] = [refused, counts].map(({ ref, word }) => telling.decide(ref, "approve", word));
    expect(await nothing).toEqual({ result: "refused", code: "not_an_approver" });
    expect(await something).toMatchObject(APPROVED);
    await untold.promise;
    expect(asked.filter((workflow) => workflow === holdWorkflowId(refused.ref.hold))).toHaveLength(1);
    expect(asked).toHaveLength(3);
  });
});
