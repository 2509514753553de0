import type { HoldId } from "../model/hold.ts";
import { idBody, isId, type MailboxId } from "../model/ids.ts";
import type { HoldActor } from "../model/hold.ts";
import { sees, type Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { isHidden } from "./drafts.ts";

/** What a path names that waits, or has waited. */
export interface Target {
  readonly hold: HoldId;
  readonly mailbox: MailboxId;
  readonly direction: "inbound" | "outbound";
  /** Who wrote or last edited it; null: a stranger. */
  readonly author: HoldActor | null;
  /** False: mail that came in and that nobody need decide about (any more). */
  readonly open: boolean;
}

/** A draft, also by its message's id, or mail that came in. Null as well when it is another tenant's or not for this key (MB-18, X-14). */
export async function targetOf(deps: HttpDeps, caller: Caller, id: string): Promise<Target | null> {
  const target = isId("drf", id) ? await draftTarget(deps, caller, id) : await messageTarget(deps, caller, id);
  return target !== null && sees(caller, target.mailbox) ? target : null;
}

async function draftTarget({ store }: HttpDeps, caller: Caller, id: `drf_${string}`): Promise<Target | null> {
  const draft = await store.run("drafts.get", { tenant: caller.tenant, id });
  if (draft === null || isHidden(caller, draft)) return null;
  return { hold: id, mailbox: draft.mailbox, direction: "outbound", author: draft.revision.author, open: true };
}

async function messageTarget(deps: HttpDeps, caller: Caller, id: string): Promise<Target | null> {
  if (!isId("msg", id)) return null;
  const row = await deps.store.run("messages.get", { tenant: caller.tenant, id, view: caller.view });
  // The row of a draft that has not left is not there yet.
  if (row === null || row.direction === "outbound") return draftTarget(deps, caller, `drf_${idBody(id)}`);
  const open = row.outcome === "held" || row.outcome === "quarantined";
  return { hold: id, mailbox: row.mailbox, direction: "inbound", author: null, open };
}
