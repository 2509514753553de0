import { faultCode } from "../intake/fault.ts";
import { findMailbox, mailboxCandidates, type Route } from "../intake/recipient.ts";
import type { TenantId } from "../model/ids.ts";
import { type Reply, REPLY } from "./answers.ts";
import type { SmtpDeps } from "./deps.ts";

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
    const found = await findMailbox(store, mailboxCandidates(recipient, asked.host));
    if (found === null) return REPLY.unknownRecipient;
    return asked.tenant === null || found.tenant === asked.tenant ? { ...found, recipient } : REPLY.otherOwner;
  } catch (error) {
    log.error({ fault: faultCode(error) }, "recipient look-up failed");
    return REPLY.lookupFailed;
  }
}
