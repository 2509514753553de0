import { createHash } from "node:crypto";
import type { MailboxId, MessageId, TenantId } from "./model/ids.ts";
import { makeId } from "./model/ids.ts";
import type { MessageSource } from "./model/message.ts";

/** What makes two attempts to hand over a message one message. */
export interface MessageOrigin {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  /** SHA-256 of the raw bytes, lower-case hex. */
  readonly digest: string;
  /** MAIL FROM; empty for the null sender. */
  readonly sender: string;
  readonly source?: MessageSource;
}

const DOMAIN = "postern-message-v1";

/**
 * The name of a message, the same for every door and every attempt: a sender that repeats a message after a lost answer
 * meets the decision already recorded. 256 bits of SHA-256, so nobody can make two messages share one. JSON keeps the
 * four parts apart whatever they hold; the hash keeps the address out of the id. What we composed from named parts has names
 * of its own: a stranger who guesses its bytes and mails them first would otherwise have it judged as the stranger's.
 */
export function messageId(origin: MessageOrigin): MessageId {
  const own = origin.source === "parsed" ? ["parsed"] : [];
  const parts = JSON.stringify([DOMAIN, origin.tenant, origin.mailbox, origin.digest, origin.sender, ...own]);
  return makeId("msg", createHash("sha256").update(parts).digest());
}
