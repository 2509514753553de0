import { createHash } from "node:crypto";
import { channelKey, type Channel, type DispatchRef } from "../model/channel.ts";
import { makeId, type DispatchId, type MailboxId, type MessageId, type TenantId, type ThreadId } from "../model/ids.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { DispatchesTable } from "./schema.ts";

/** A message that the agent is given in this transaction. */
export interface Given {
  readonly id: MessageId;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId;
}

/** One delivery for each channel of the mailbox. */
export async function openDispatches(tx: Tx, given: Given, channels_json: string, at: number): Promise<readonly DispatchRef[]> {
  if (channels_json === "[]") return [];
  const refs: DispatchRef[] = [];
  for (const channel of JSON.parse(channels_json) as Channel[]) refs.push(await open(tx, given, channel, at));
  return refs;
}

async function open(tx: Tx, { id: message, tenant, mailbox, thread }: Given, channel: Channel, at: number): Promise<DispatchRef> {
  const id = dispatchId(message, channel);
  const begun = { state: "pending", reason: null, status: null, attempts: 0, attempted_at: null, ended_at: null } as const;
  const times = { created_at: at, due_at: at, minted_at: at };
  const webhook = channel.kind === "webhook" ? channel.webhook_id : null;
  const how = { kind: channel.kind, webhook, channel_json: JSON.stringify(channel) };
  await tx.later(insertDispatch, { id, tenant, mailbox, message, thread, ...how, ...begun, ...times });
  return { tenant, dispatch: id };
}

const insertDispatch = once((db, row: DispatchesTable) =>
  db
    .insertInto("dispatches")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing()),
);

/** INVARIANT (DESIGN §9.2): one message by one channel has one id for ever, however often it is delivered. */
function dispatchId(message: MessageId, channel: Channel): DispatchId {
  const hash = createHash("sha256")
    .update(`${message}\n${channelKey(channel)}`)
    .digest();
  return makeId("evt", hash.subarray(0, 20));
}

/** What a message's delivery began. */
async function dispatchesOf({ db }: Tx, { tenant, message }: { tenant: TenantId; message: MessageId }): Promise<DispatchRef[]> {
  const rows = await db.selectFrom("dispatches").select(["tenant", "id"]).where("message", "=", message).orderBy("id").execute();
  return rows.filter((row) => row.tenant === tenant).map(({ id }) => ({ tenant, dispatch: id }));
}

/** As history keeps it: nothing where there is nothing. */
export function judged<T extends object>(
  result: T,
  dispatches: readonly DispatchRef[],
): T & { readonly dispatches?: readonly DispatchRef[] } {
  return dispatches.length === 0 ? result : { ...result, dispatches };
}

/** For who asks again. */
export async function withDispatches<T extends object>(
  tx: Tx,
  place: { tenant: TenantId; message: MessageId },
  result: T,
): Promise<T & { readonly dispatches?: readonly DispatchRef[] }> {
  return judged(result, await dispatchesOf(tx, place));
}
