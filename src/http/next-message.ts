import { PosternError } from "../model/errors.ts";
import type { MailboxId } from "../model/ids.ts";
import type { MailboxRow, MessageRow } from "../store/contract.ts";
import type { HttpDeps } from "./deps.ts";

/** The oldest delivered message after a place, as soon as there is one. Null when the time is over, the client has gone or the instance stops. */
export async function nextMessage(
  deps: HttpDeps,
  mailbox: MailboxRow,
  after: number,
  timeoutMs: number,
  stops: readonly AbortSignal[],
): Promise<MessageRow | null> {
  const deadline = deps.clock() + timeoutMs;
  for (;;) {
    // Subscribed before reading: what is delivered in between moves the watch.
    const watch = deps.store.watch(`mailbox:${mailbox.id}`, Math.max(0, deadline - deps.clock()));
    const cancel = () => watch.cancel();
    for (const stop of stops) stop.addEventListener("abort", cancel);
    try {
      const [row] = await deps.store.run("messages.delivered_after", { tenant: mailbox.tenant, mailbox: mailbox.id, after, limit: 1 });
      if (row !== undefined) return row;
      if (stops.some((stop) => stop.aborted) || !(await watch.moved)) return null;
    } finally {
      for (const stop of stops) stop.removeEventListener("abort", cancel);
      watch.cancel();
    }
  }
}

/** When to give up: the client has gone, or the instance stops. */
export function stopsOf({ closing }: HttpDeps, client: AbortSignal): readonly AbortSignal[] {
  return closing === undefined ? [client] : [client, closing];
}

/** `<place>-<mailbox>`: a place in one mailbox's order of delivery means nothing in another's. */
export function formatCursor(mailbox: MailboxId, place: number): string {
  return Buffer.from(`${place}-${mailbox}`).toString("base64url");
}

/** `name`: where the caller put it. */
export function parseCursor(mailbox: MailboxId, cursor: string, name: "after" | "Last-Event-ID"): number {
  const [, place, owner] = /^([0-9]{1,15})-(.+)$/.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (place !== undefined && owner === mailbox) return Number(place);
  throw new PosternError("invalid_request", `\`${name}\` is not a cursor of this mailbox`, {
    fix: "send the `cursor` of the call before, or none to begin with the oldest message",
    problems: [{ path: name, message: "must be a `cursor` of this mailbox" }],
  });
}
