import { Client, Connection, ServiceError, type WorkflowClientInterceptor } from "@temporalio/client";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { decide } from "../../src/gate/decide.ts";
import type { MailboxId } from "../../src/model/ids.ts";
import { type Draft, type Mailbox, OutboundWorld, type Person } from "./world.ts";

let world: OutboundWorld;
let ann: Person;
let connection: Connection;
beforeAll(async () => {
  world = await OutboundWorld.open();
  ann = await world.person(["oversight"]);
  connection = await Connection.connect({ address: inject("temporalAddress") });
});
afterAll(async () => {
  await connection?.close();
  await world?.close();
});

/** What the server says while the last task of a workflow is being completed, in the client's words. */
function closing(): ServiceError {
  const details = "workflow operation can not be applied because workflow is closing";
  const said = Object.assign(new Error(`9 FAILED_PRECONDITION: ${details}`), { code: 9, details, metadata: {} });
  return new ServiceError("Workflow Update failed", { cause: said });
}

interface Scene {
  readonly mailbox: Mailbox;
  readonly draft: Draft;
}

async function waiting(): Promise<Scene> {
  const mailbox = await world.mailbox("gated_send");
  return { mailbox, draft: await world.send(mailbox) };
}

/** Ann's signed approval, through a client that the server refuses so often before it is let through. */
async function approve({ mailbox, draft }: Scene, refusals: number, meanwhile: () => Promise<unknown> = async () => undefined) {
  const { token } = await ann.send<{ token: string }>("POST", `/v1/pending/${draft.id}/token`, { action: "approve" });
  let asked = 0;
  const startUpdate: WorkflowClientInterceptor["startUpdate"] = async (input, next) => {
    asked += 1;
    if (asked > refusals) return next(input);
    if (asked === 1) await meanwhile();
    throw closing();
  };
  const deps = {
    client: new Client({ connection, interceptors: { workflow: [{ startUpdate }] } }),
    // Whether a workflow was lost is not asked here: there is no draft to begin anew.
    store: { run: async () => null as never },
    taskQueues: world.postern.taskQueues,
    tickets: await world.postern.tickets(),
  };
  const ref = { tenant: world.postern.running.tenant.id, mailbox: mailbox.id as MailboxId, hold: draft.id };
  return { answer: await decide(deps, ref, "approve", { token }), asked };
}

describe("MM-04 X-06 an attempt on a workflow that is just ending", () => {
  it("is made again until it is taken, and counts once", async () => {
    const scene = await waiting();
    const { answer, asked } = await approve(scene, 2);
    expect({ answer, asked }).toMatchObject({ answer: { result: "accepted" }, asked: 3 });
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect(world.peer.taken).toHaveLength(1);
    const { attempts } = await ann.get<{ attempts: readonly unknown[] }>(`/v1/pending/${scene.draft.id}`);
    expect(attempts).toHaveLength(1);
  });

  it("finds nobody once it has ended, and does not count", async () => {
    const scene = await waiting();
    const before = world.peer.taken.length;
    const reject = async (): Promise<void> => {
      const ben = await world.person(["oversight"]);
      await ben.send("POST", `/v1/mailboxes/${scene.mailbox.id}/decide/${scene.draft.id}`, { action: "reject", reason: "no" });
      await world.ended(scene.draft);
    };
    expect(await approve(scene, 1, reject)).toEqual({ answer: null, asked: 2 });
    expect(await world.draft(scene.mailbox, scene.draft)).toMatchObject({ status: "rejected" });
    expect(world.peer.taken).toHaveLength(before);
  });
});
