import type { TenantId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { NewAuditEntry } from "./contract.ts";
import type { Doing } from "./contract-channels.ts";
import type { Tx } from "./operation.ts";

type Told = Pick<NewAuditEntry, "action" | "facts"> & Partial<Pick<NewAuditEntry, "message" | "mailbox" | "details">>;

/** What was done to channels, webhooks and deliveries, in the transaction that did it. A receiver's URL may hold a secret: `details`. */
export async function tell(tx: Tx, tenant: TenantId, { audit_id: id, salt, actor, at }: Doing, told: Told): Promise<void> {
  await appendAction(tx, {
    message: null,
    mailbox: null,
    details: {},
    ...told,
    id,
    tenant,
    at,
    actor,
    salt,
    retentionDays: STANDARD_RETENTION_DAYS,
  });
}
