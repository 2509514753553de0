import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import type { Decision } from "../../src/model/decision.ts";
import type { MessageId, TenantId } from "../../src/model/ids.ts";
import { WORKFLOW } from "../../src/model/names.ts";
import { openRows } from "../support/postgres/rows.ts";
import { readSegments } from "../blobs/journal/segments.ts";

/** What is in the database, read past the product. */
export interface Recorded {
  readonly tenant: TenantId;
  readonly final: readonly Decision[];
  readonly deferred: number;
  readonly messages: readonly { readonly id: MessageId; readonly outcome: string; readonly delivery_seq: number | null; readonly tokens_reserved: number }[]; // prettier-ignore
  readonly ledger: readonly { readonly message: MessageId; readonly ledger: string; readonly amount: number }[];
  readonly audit: readonly { readonly message: MessageId; readonly decision: string; readonly leaf: string }[];
}

/** `path`: of the embedded store's file, or a `postgres://` URL. */
export function readDatabase(path: string): Recorded {
  using database = openRows(path);
  const rows = <T>(sql: string): readonly T[] => database.prepare(sql).all() as T[];
  const decisions = rows<{ is_final: number; decision_json: string }>("select is_final, decision_json from decisions");
  return {
    tenant: rows<{ id: TenantId }>("select id from tenants")[0]!.id,
    final: decisions.filter(({ is_final }) => is_final === 1).map(({ decision_json }) => JSON.parse(decision_json)),
    deferred: decisions.filter(({ is_final }) => is_final === 0).length,
    messages: rows("select id, outcome, delivery_seq, tokens_reserved from messages"),
    ledger: rows("select message, ledger, amount from ledger"),
    audit: rows("select message, decision, leaf from audit_entries where decision is not null"),
  };
}

/** Where in Temporal a decision was made, as the audit log tells it. */
export interface Place {
  readonly workflow_id: string;
  readonly run_id: string;
}

export function placeIn({ leaf }: Recorded["audit"][number]): Place {
  return JSON.parse(leaf) as Place;
}

/** A run of one judgement or several, as Temporal's history tells it. */
export interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly status: string;
  /** The decisions that it ended with; none unless it completed. */
  readonly told: readonly string[];
}

export async function withTemporal<T>(address: string, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

const JUDGEMENTS = `WorkflowType='${WORKFLOW.inboundMessage}' or WorkflowType='${WORKFLOW.inboundMessages}'`;

export async function listJudgements(client: Client): Promise<readonly Omit<Run, "told">[]> {
  const runs: Omit<Run, "told">[] = [];
  for await (const { workflowId, runId, status } of client.workflow.list({ query: JUDGEMENTS })) {
    runs.push({ workflowId, runId, status: status.name });
  }
  return runs;
}

/** Waits for the end of the run. */
export async function decisionsTold(client: Client, { workflow_id, run_id }: Place): Promise<readonly string[]> {
  const result: unknown = await client.workflow.getHandle(workflow_id, run_id).result();
  return (Array.isArray(result) ? result : [result]).map(({ id }: { readonly id: string }) => id);
}

/** What is under `blobs`: in the journal, and as files. */
export interface Kept {
  readonly unfinished: readonly string[];
  readonly digests: readonly string[];
  /** Files whose bytes are not what their name says. */
  readonly damaged: readonly string[];
}

export async function readBlobs(dataDir: string, tenant: TenantId): Promise<Kept> {
  const root = join(dataDir, "blobs");
  // The journal first: what leaves it meanwhile is a file by then.
  const digests = await digestsInJournal(join(root, "journal"), tenant);
  const damaged: string[] = [];
  for (const path of await readdir(root, { recursive: true })) {
    const [owner, , digest] = path.split("/");
    if (owner !== tenant || digest === undefined) continue;
    digests.add(digest);
    const bytes = await readFile(join(root, path));
    if (createHash("sha256").update(bytes).digest("hex") !== digest) damaged.push(digest);
  }
  return { unfinished: await readdir(join(root, "incoming")), digests: [...digests], damaged };
}

async function digestsInJournal(directory: string, tenant: TenantId): Promise<Set<string>> {
  const digests = new Set<string>();
  for (const { found } of await readSegments(directory)) {
    for (const { kind, name } of found.filter((record) => record.name.tenant === tenant)) {
      if (kind === "put") digests.add(name.digest);
      else digests.delete(name.digest);
    }
  }
  return digests;
}
