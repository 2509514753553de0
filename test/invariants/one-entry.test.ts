import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WorkflowNotFoundError } from "@temporalio/client";
import { historyToJSON } from "@temporalio/common/lib/proto-utils.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFinal, type Decision } from "../../src/model/decision.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import { endOf, openWorld, PATHS, type End, type Path, type Run, type World } from "../workflows/paths.ts";

/** A decision and where in Temporal it was made, as both the history and the log tell it. */
interface Made extends Pick<Decision, "outcome" | "reason" | "actor"> {
  readonly decision: string;
  readonly stage: string;
  readonly workflow_id: string;
  readonly run_id: string;
  readonly activity_id: string;
}

/** One run, with what its steps returned. */
interface Told {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  /** Null: it failed, or goes on. */
  readonly result: { readonly state?: string; readonly status?: string } | null;
  readonly steps: readonly Step[];
}

let world: World;
let runs: readonly Told[];
let log: readonly Made[];
const ends = new Map<Path, PromiseSettledResult<End>>();

beforeAll(async () => {
  world = await openWorld({ maxCachedWorkflows: 0 });
  for (const path of PATHS) {
    const [end] = await Promise.allSettled([path.walk(world).then(endOnceBegun)]);
    ends.set(path, end);
  }
  runs = await runsOf();
  log = databases().flatMap((path) => entriesOf(path));
}, 240_000);
afterAll(() => world?.close());

describe("DESIGN §9.9 with no workflow kept in memory, every task begins at the first event", () => {
  it.each(PATHS)("$name ends as it should", (path) => {
    expect(ends.get(path)).toMatchObject({ value: path.ends });
  });
});

describe("DESIGN §9.8 after every path of every workflow was taken", () => {
  it("X-33 MB-10 every final decision in an inbound history has exactly one audit entry, and the other way round", () => {
    const inHistories = runs.flatMap(decisionsIn);
    const final = inHistories.filter(({ outcome }) => isFinal(outcome));
    expect(final.length).toBeGreaterThanOrEqual(PATHS.filter(({ name }) => name.startsWith("inbound")).length - 3);
    expect(final.length).toBeLessThan(inHistories.length);
    expect(log.filter(({ stage }) => stage === "inbound").toSorted(byDecision)).toEqual(final.toSorted(byDecision));
    expect(new Set(log.map(({ decision }) => decision)).size).toBe(log.length);
  });

  it("X-33 every final decision on a draft, and on what waited, has exactly one audit entry that names the step of the run that made it", () => {
    const recorded = databases().flatMap(finalsIn);
    expect(log.map(({ decision }) => decision).toSorted()).toEqual(recorded.toSorted());
    const later = log.filter(({ stage }) => stage !== "inbound");
    expect(new Set(later.map(({ stage }) => stage))).toEqual(new Set(["submit", "release", "send"]));
    for (const made of later) {
      const run = runs.find(({ workflowId, runId }) => workflowId === made.workflow_id && runId === made.run_id);
      expect(
        run?.steps.map(({ activity_id }) => activity_id),
        JSON.stringify(made),
      ).toContain(made.activity_id);
    }
  });

  it("X-33 how a draft's run ended is what its last final decision says, and a draft that was only limited has none", () => {
    const drafts = runs.filter(({ type }) => type === WORKFLOW.outboundMessage);
    expect(drafts.length).toBeGreaterThan(PATHS.filter(({ name }) => name.startsWith("outbound")).length);
    for (const { workflowId, result } of drafts) {
      const made = log.filter(({ workflow_id }) => workflow_id === workflowId);
      const last = made.at(-1)?.outcome ?? null;
      if (result === null) expect(made, "over a cap").toEqual([]);
      else expect(last, workflowId).toBe(result.state === "sent" || result.state === "failed" ? "sending" : result.state);
    }
  });

  it("X-33 how a hold of inbound mail ended is what its one entry says; what still waits, or never did, has none", () => {
    const holds = runs.filter(({ type }) => type === WORKFLOW.holdMessage);
    const ends = new Set(holds.map(({ result }) => result?.status));
    expect(ends).toEqual(new Set([undefined, "approved", "rejected", "expired", "nothing_waits"]));
    const outcomes: Readonly<Record<string, readonly string[]>> = {
      approved: ["delivered"],
      rejected: ["discarded"],
      expired: ["discarded"],
    };
    for (const { workflowId, result } of holds) {
      const made = log.filter(({ workflow_id }) => workflow_id === workflowId).map(({ outcome }) => outcome as string);
      expect(made, workflowId).toEqual(outcomes[result?.status ?? ""] ?? []);
    }
  });
});

/** The run of a hold begins a moment after the decision that makes it wait. */
async function endOnceBegun(run: Run): Promise<End> {
  for (;;) {
    try {
      return await endOf(world, run);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}

function databases(): readonly string[] {
  return [join(world.postern.dataDir, "postern.db"), world.rig.database];
}

function byDecision(one: Made, other: Made): number {
  return one.decision < other.decision ? -1 : 1;
}

/** What the log has, in its order, read as an auditor would: straight from the table. */
function entriesOf(path: string): Made[] {
  using database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare("select leaf from audit_entries order by rowid").all() as { leaf: string }[];
  const leaves = rows.map(({ leaf }) => JSON.parse(leaf) as Made & { readonly action: string });
  return leaves.filter(({ action }) => action === "decision").map(madeOf);
}

function finalsIn(path: string): string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return (database.prepare("select id from decisions where is_final = 1").all() as { id: string }[]).map(({ id }) => id);
}

function madeOf({ decision, stage, outcome, reason, actor, workflow_id, run_id, activity_id }: Made): Made {
  return { decision, stage, outcome, reason, actor, workflow_id, run_id, activity_id };
}

/** Every run on the queues of both places. */
async function runsOf(): Promise<Told[]> {
  const queues = [world.postern.taskQueues, world.rig.taskQueues].flatMap(({ inbound, main }) => [`'${inbound}'`, `'${main}'`]);
  const found: Told[] = [];
  const query = `TaskQueue in (${queues.join(", ")})`;
  for await (const { workflowId, runId, type } of world.client.workflow.list({ query })) found.push(await told(workflowId, runId, type));
  return found;
}

async function told(workflowId: string, runId: string, type: string): Promise<Told> {
  const handle = world.client.workflow.getHandle(workflowId, runId);
  // Inbound mail that nobody has decided about waits on; nothing else does.
  const waits = type === WORKFLOW.holdMessage && (await handle.describe()).status.name === "RUNNING";
  const result = waits ? null : await handle.result().catch(() => null);
  const { events } = JSON.parse(historyToJSON(await handle.fetchHistory())) as { events: readonly HistoryEvent[] };
  return { workflowId, runId, type, result: result as Told["result"], steps: stepsIn(events) };
}

function decisionsIn({ workflowId, runId, steps }: Told): Made[] {
  return steps.flatMap(({ activity_id, result }) =>
    isDecision(result) ? [madeOf({ ...result, decision: result.id, workflow_id: workflowId, run_id: runId, activity_id })] : [],
  );
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

interface Step {
  readonly activity_id: string;
  readonly result: unknown;
}

/** What steps returned: local ones in markers, others in events of their own. */
function stepsIn(events: readonly HistoryEvent[]): Step[] {
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
