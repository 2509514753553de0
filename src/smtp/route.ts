import type { MailboxId, TenantId } from "../model/ids.ts";
import { mailboxCandidates } from "./address.ts";
import { type Reply, REPLY } from "./answers.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";

/** Where one RCPT TO leads. */
export interface Route {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  /** As the peer wrote it, domain in lower case. */
  readonly recipient: string;
}

export type Routes = readonly [Route, ...Route[]];

/** Several recipients may lead to one mailbox (aliases, tags): its copy is judged once, for the first of them. */
export function perMailbox(routes: Routes): Routes {
  const [first, ...rest] = routes;
  const seen = new Set([first.mailbox]);
  return [first, ...rest.filter(({ mailbox }) => !seen.has(mailbox) && seen.add(mailbox))];
}

/**
 * The mailbox behind a recipient, or what the peer is told. One transaction belongs to one tenant, because a blob and
 * what is answered for it do; recipients of others are asked to come separately (RFC 5321 §4.5.3.1.10: 452, and
 * senders then split the list).
 */
export async function route(
  { store, log }: Pick<SmtpDeps, "store" | "log">,
  recipient: string,
  asked: { readonly host: string; readonly tenant: TenantId | null },
): Promise<Route | Reply> {
  try {
    for (const address of mailboxCandidates(recipient, asked.host)) {
      const found = await store.run("mailboxes.resolve", { address });
      if (found === null) continue;
      return asked.tenant === null || found.tenant === asked.tenant ? { ...found, recipient } : REPLY.otherOwner;
    }
    return REPLY.unknownRecipient;
  } catch (error) {
    log.error({ fault: faultCode(error) }, "recipient look-up failed");
    return REPLY.lookupFailed;
  }
}
