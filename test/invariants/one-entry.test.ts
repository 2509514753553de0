import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFinal, type Decision } from "../../src/model/decision.ts";
import type { TaskQueues } from "../../src/model/names.ts";
import { openWorld, PATHS, type World } from "../workflows/paths.ts";

/** A decision and where in Temporal it was made, as both the history and the log tell it. */
interface Made extends Pick<Decision, "stage" | "outcome" | "reason" | "actor"> {
  readonly decision: string;
  readonly workflow_id: string;
  readonly run_id: string;
  readonly activity_id: string;
}

let world: World;

beforeAll(async () => {
  world = await openWorld();
  for (const path of PATHS) await path.walk(world);
}, 120_000);
afterAll(() => world?.close());

describe("DESIGN §9.8 after every path of every workflow was taken", () => {
  it("X-33 MB-10 every final decision in a history has exactly one audit entry, and the other way round", async () => {
    const { postern, rig } = world;
    const inHistories = [...(await decisionsOf(postern.taskQueues)), ...(await decisionsOf(rig.taskQueues))];
    const inLogs = [...entriesOf(join(postern.dataDir, "postern.db")), ...entriesOf(rig.database)];
    const final = inHistories.filter(({ outcome }) => isFinal(outcome));
    expect(final.length).toBeGreaterThanOrEqual(PATHS.length);
    expect(final.length).toBeLessThan(inHistories.length);
    expect(inLogs.toSorted(byDecision)).toEqual(final.toSorted(byDecision));
    expect(new Set(inLogs.map(({ decision }) => decision)).size).toBe(inLogs.length);
  });
});

function byDecision(one: Made, other: Made): number {
  return one.decision < other.decision ? -1 : 1;
}

/** What the log has, read as an auditor would: straight from the table. */
function entriesOf(path: string): Made[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare("select leaf from audit_entries").all() as { leaf: string }[];
  const leaves = rows.map(({ leaf }) => JSON.parse(leaf) as Made & { readonly action: string });
  return leaves.filter(({ action }) => action === "decision").map(madeOf);
}

function madeOf({ decision, stage, outcome, reason, actor, workflow_id, run_id, activity_id }: Made): Made {
  return { decision, stage, outcome, reason, actor, workflow_id, run_id, activity_id };
}

/** Every decision in the histories of all runs on these queues. */
async function decisionsOf({ inbound, main }: TaskQueues): Promise<Made[]> {
  const found: Made[] = [];
  for await (const { workflowId, runId } of world.client.workflow.list({ query: `TaskQueue in ('${inbound}', '${main}')` })) {
    const handle = world.client.workflow.getHandle(workflowId, runId);
    await handle.result().catch(() => {});
    const { events } = JSON.parse(historyToJSON(await handle.fetchHistory())) as { events: readonly HistoryEvent[] };
    for (const { activity_id, result } of resultsIn(events)) {
      if (isDecision(result)) found.push(madeOf({ ...result, decision: result.id, workflow_id: workflowId, run_id: runId, activity_id }));
    }
  }
  return found;
}

interface Payloads {
  readonly payloads: readonly { readonly data?: string }[];
}

interface HistoryEvent {
  readonly eventId: string;
  readonly markerRecordedEventAttributes?: { readonly details: { readonly data: Payloads; readonly result?: Payloads } };
  readonly activityTaskScheduledEventAttributes?: { readonly activityId: string };
  readonly activityTaskCompletedEventAttributes?: { readonly scheduledEventId: string; readonly result?: Payloads };
}

/** What steps returned: local ones in markers, others in events of their own. */
function resultsIn(events: readonly HistoryEvent[]): { readonly activity_id: string; readonly result: unknown }[] {
  return events.flatMap(({ markerRecordedEventAttributes: marker, activityTaskCompletedEventAttributes: completed }) => {
    if (marker !== undefined) {
      const { activity_id } = read(marker.details.data) as { activity_id: string };
      return [{ activity_id, result: read(marker.details.result) }];
    }
    if (completed === undefined) return [];
    const scheduled = events.find(({ eventId }) => eventId === completed.scheduledEventId);
    return [{ activity_id: scheduled?.activityTaskScheduledEventAttributes?.activityId ?? "", result: read(completed.result) }];
  });
}

function read(from: Payloads | undefined): unknown {
  const [payload] = from?.payloads ?? [];
  return payload?.data === undefined ? undefined : JSON.parse(Buffer.from(payload.data, "base64").toString("utf8"));
}

function isDecision(value: unknown): value is Decision {
  return typeof value === "object" && value !== null && "stage" in value && "id" in value && "outcome" in value;
}
