import type { MailboxId, TenantId } from "../model/ids.ts";
import type { Store } from "../store/contract.ts";

/** Where one recipient leads. */
export interface Route {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  /** As it was given, domain in lower case. */
  readonly recipient: string;
}

/** All of one tenant: a blob belongs to one. */
export type Routes = readonly [Route, ...Route[]];

/** Several recipients may lead to one mailbox (aliases, tags): its copy is judged once, for the first of them. */
export function perMailbox(routes: Routes): Routes {
  const [first, ...rest] = routes;
  const seen = new Set([first.mailbox]);
  return [first, ...rest.filter(({ mailbox }) => !seen.has(mailbox) && seen.add(mailbox))];
}

/**
 * The stored addresses an ASCII recipient may mean, best first: itself, then without its tag (`local+tag@` → `local@`).
 * Folded for matching. The bare `postmaster` of RFC 5321 §4.1.1.3 is the host's own.
 */
export function mailboxCandidates(recipient: string, host: string): readonly string[] {
  const folded = recipient.toLowerCase();
  const at = folded.lastIndexOf("@");
  if (at < 0) return [`${folded}@${host.toLowerCase()}`];
  const plus = folded.indexOf("+");
  if (plus < 1 || plus > at) return [folded];
  return [folded, folded.slice(0, plus) + folded.slice(at)];
}

/** The mailbox that the first known of these addresses belongs to, whoever's tenant it is. */
export async function findMailbox(store: Pick<Store, "run">, candidates: readonly string[]): Promise<Omit<Route, "recipient"> | null> {
  for (const address of candidates) {
    const found = await store.run("mailboxes.resolve", { address });
    if (found !== null) return found;
  }
  return null;
}
