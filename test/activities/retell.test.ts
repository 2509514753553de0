import { Client, Connection, type WorkflowClientInterceptor } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { retellUnheard, type RetellAllDeps } from "../../activities/retell.ts";
import { reviveLost } from "../../activities/revive.ts";
import type { DraftId, KeyId } from "../../src/model/ids.ts";
import { addKey, attemptOf, decide, SUBMITTED, submit } from "../store/hold-samples.ts";
import { addTenant, MINUTE, newDomain } from "../store/samples.ts";
import { openStore, type World } from "../store/world.ts";

type Update = NonNullable<WorkflowClientInterceptor["startUpdate"]>;

let connection: Connection;
let world: World;
let [author, ann]: KeyId[] = [];
beforeAll(() => {
  // Nothing gets through to it.
  connection = Connection.lazy({ address: "127.0.0.1:1" });
});
afterAll(() => connection.close());
/** A database of its own: the upkeep looks at all there is. */
async function begin(): Promise<void> {
  const opened = await openStore();
  world = { ...opened, ...(await addTenant(opened.store, newDomain())) };
  [author, ann] = [await addKey(world, ["send"]), await addKey(world, ["oversight"])];
}

/** A draft that Ann approved five minutes after it was made, unless it is said when. */
async function approved(at = SUBMITTED + 5 * MINUTE): Promise<DraftId> {
  const { id } = await submit(world, author!);
  await decide(world, attemptOf(world, id, "approve", ann!, { at }));
  return id;
}

const NO_TICKETS = { sign: () => Promise.reject(new Error("no draft is begun anew")) } as unknown as RetellAllDeps["tickets"];

/** The upkeep six minutes after the drafts were made, over a client that answers as it is told. */
function upkeep(startUpdate: Update, signal = new AbortController().signal) {
  const faults: unknown[] = [];
  const deps: RetellAllDeps = {
    client: new Client({ connection, interceptors: { workflow: [{ startUpdate }] } }),
    store: world.store,
    taskQueues: { main: "main" },
    tickets: NO_TICKETS,
    clock: () => SUBMITTED + 6 * MINUTE,
    signAgain: ({ hold }) => Promise.resolve(hold),
    onFault: (fault) => void faults.push(fault),
  };
  return { done: retellUnheard(deps, () => undefined, signal), faults };
}

const taken: Awaited<ReturnType<Update>> = {
  workflowId: "out",
  workflowRunId: "run",
  updateId: "upd",
  outcome: { success: {} },
} as unknown as Awaited<ReturnType<Update>>;

const tokenOf = ({ args: [message] }: Parameters<Update>[0]) => (message as { readonly token: DraftId }).token;

describe("X-06 upkeep tells workflows that their draft was approved", () => {
  it("where nothing has come of it, and no others", async () => {
    await begin();
    const unheard = [await approved(), await approved()];
    await approved(SUBMITTED + 6 * MINUTE - 5_000);
    await submit(world, author!);
    const told: DraftId[] = [];
    const { done } = upkeep(async (input) => (told.push(tokenOf(input)), taken));
    expect(await done).toBe(2);
    expect(told.toSorted()).toEqual(unheard.toSorted());
  });

  it("one that cannot take it in is a fault, and keeps none of the others waiting", async () => {
    await begin();
    const [deaf] = [await approved(), await approved(), await approved()];
    const { done, faults } = upkeep((input) => (tokenOf(input) === deaf ? Promise.reject(new Error("quoted")) : Promise.resolve(taken)));
    expect(await done).toBe(2);
    expect(faults).toEqual([{ activity: "retell", code: "Error", where: expect.any(String) }]);
  });

  it("when two dozen cannot take it in the rest is the next one's", async () => {
    await begin();
    for (let made = 0; made < 30; made += 1) await approved();
    let asked = 0;
    const { done, faults } = upkeep(() => ((asked += 1), Promise.reject(new Error("no worker"))));
    expect(await done).toBe(0);
    expect([asked, faults.length]).toEqual([24, 24]);
  });

  it("until its worker is stopped, which takes in no answer any more", async () => {
    await begin();
    await approved();
    const [stopping, asked] = [new AbortController(), Promise.withResolvers<void>()];
    const { done } = upkeep(() => (asked.resolve(), new Promise(() => undefined)), stopping.signal);
    await asked.promise;
    stopping.abort(new Error("the worker stops"));
    await expect(done).rejects.toThrow("the worker stops");
    const lost = { store: world.store, client: new Client({ connection }), tickets: NO_TICKETS, taskQueue: "main" };
    await expect(reviveLost(lost, () => undefined, stopping.signal)).rejects.toThrow("the worker stops");
    await expect(upkeep(() => Promise.reject(new Error("asked all the same")), stopping.signal).done).rejects.toThrow("the worker stops");
  });
});
