import type { MailboxId, MessageId } from "../model/ids.ts";
import { makeId } from "../model/ids.ts";
import type { Caller } from "./auth.ts";
import { createDenialRate } from "./denial-rate.ts";
import type { HttpDeps } from "./deps.ts";

/** Kept this long where no policy says otherwise. */
const RETENTION_DAYS = 90;

/** An attempt to do what was not granted. Ids are null where the grant proves none. */
export interface Denial {
  readonly message: MessageId | null;
  readonly mailbox: MailboxId | null;
  /** As the caller spelled it: private, because it can say anything. */
  readonly capability: string;
  readonly reason: "not_granted" | "expired" | "invalid" | "not_delivered" | "mailbox_gone" | "other_agent";
}

/** Records a denial, or throws `too_many_requests` in its place. */
export type Deny = (caller: Caller, denial: Denial) => Promise<void>;

/** MB-06: a denied act is audited before it is answered, with a valid key too. */
export function createDeny(deps: HttpDeps): Deny {
  const rate = createDenialRate(deps.clock);
  return async (caller, denial) => {
    rate(caller.key.id);
    await record(deps, caller, denial);
  };
}

async function record(deps: HttpDeps, caller: Caller, denial: Denial): Promise<void> {
  const { message, mailbox, reason, capability } = denial;
  await deps.store.run("audit.append", {
    id: makeId("aud", deps.random(16)),
    tenant: caller.tenant,
    at: deps.clock(),
    action: "capability.denied",
    actor: caller.actor,
    message,
    mailbox,
    facts: { reason },
    details: { capability },
    salt: Buffer.from(deps.random(16)).toString("hex"),
    retentionDays: await retentionDays(deps, caller, mailbox),
  });
}

async function retentionDays(deps: HttpDeps, caller: Caller, mailbox: MailboxId | null): Promise<number> {
  if (mailbox === null) return RETENTION_DAYS;
  const policy = await deps.store.run("policies.current", { tenant: caller.tenant, mailbox });
  const document = policy === null ? null : (JSON.parse(policy.document) as { auditLog?: { retentionDays?: number } });
  return document?.auditLog?.retentionDays ?? RETENTION_DAYS;
}
