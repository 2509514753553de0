import { randomBytes } from "node:crypto";
import { ApplicationFailure } from "@temporalio/common";
import { expect, it } from "vitest";
import { toFailure } from "../../activities/failures.ts";
import { storeDraft } from "../../activities/store-draft.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { workflowOf } from "../../src/delivery/agent-workflow.ts";
import { createTickets } from "../../src/grants/ticket.ts";
import type { DraftOrder } from "../../src/model/agent.ts";
import type { WorkflowChannel } from "../../src/model/channel.ts";
import { openRig } from "../screening/rig.ts";
import { fresh } from "../store/outbound-samples.ts";
import { NOON, proposalOf } from "../store/samples.ts";

/** Mail that is with a workflow of a team's, which may send. */
async function delivered() {
  const rig = await openRig();
  const { store, world } = rig;
  const { tenant, mailbox, author } = world;
  const channel: WorkflowChannel = { kind: "workflow", type: "agent", task_queue: "agents", id_per: "thread", key_id: author };
  await store.run("mailboxes.change", { tenant, mailbox, channels: [channel], actor: "postern", at: NOON, ...fresh() });
  const proposal = proposalOf(world);
  const { dispatches = [] } = await store.run("inbound.decide", proposal);
  const delivery = dispatches[0]!;
  const row = (await store.run("dispatches.get", { tenant, id: delivery.dispatch }))!;
  const disk = { free: Number.MAX_SAFE_INTEGER };
  const deps = {
    ...{ ...rig.deps, blobs: rig.blobs, uses: createUses(), mainQueue: "main", instance: async () => tenant },
    tickets: createTickets(randomBytes(32).toString("base64")),
    freeBytes: async () => disk.free,
  };
  const trace = { workflow_id: workflowOf(row, channel), run_id: "run", activity_id: "1" };
  const order: DraftOrder = { delivery, answers: true, number: 1, draft: { markdown: "At noon." } };
  return { disk, rig, store: () => storeDraft(deps, order, trace) };
}

it("DESIGN §8 with the disk nearly full an agent's workflow stores no draft, and tries again until there is room", async () => {
  const { disk, rig, store } = await delivered();
  disk.free = 37 * 1024 * 1024;
  const refused: unknown = await store().catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "unavailable", temporary: true });
  expect(refused).not.toBeInstanceOf(ApplicationFailure);
  expect(toFailure(refused)).toMatchObject({ type: "unavailable", message: "unavailable", nonRetryable: false });
  const { tenant, mailbox } = rig.world;
  expect(rig.calls.compose).toBe(0);
  disk.free = 38 * 1024 * 1024;
  expect(await store()).toMatchObject({ kind: "stored", input: { tenant, mailbox }, task_queue: "main" });
});
