import type { AuditAction } from "../audit/actions.ts";
import type { Actor } from "../model/decision.ts";
import type { TenantId } from "../model/ids.ts";
import { appendAction, STANDARD_RETENTION_DAYS } from "./audit.ts";
import type { DkimKeyRow, DomainRow, Fresh, NewDkimKey } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { DomainsTable } from "./schema.ts";

/** Moves with the domain's row and its signing keys. */
export function domainKey({ domain }: { readonly domain: string }): string {
  return `domain:${domain}`;
}

/** A tenant's own domain; null for everybody else's. */
export async function findDomain(tx: Tx, name: { tenant: TenantId; domain: string }): Promise<DomainRow | null> {
  const [row] = await selectDomain(tx.db, name);
  return row === undefined ? null : withKeys(tx, row);
}

const selectDomain = once((db, given: { tenant: TenantId; domain: string }) =>
  db.selectFrom("domains").selectAll().where("domain", "=", given.domain).where("tenant", "=", given.tenant),
);

export async function withKeys(tx: Tx, row: DomainsTable): Promise<DomainRow> {
  return { ...row, keys: await keysOf(tx, row.domain) };
}

/** Newest first. */
export async function keysOf({ db }: Tx, domain: string): Promise<readonly DkimKeyRow[]> {
  const rows = await selectKeys(db, { domain });
  return rows.map(({ id, selector, public_key, sealed, state, created_at }) => ({ id, selector, public_key, sealed, state, created_at }));
}

const selectKeys = once((db, given: { domain: string }) =>
  db.selectFrom("dkim_keys").selectAll().where("domain", "=", given.domain).orderBy("created_at", "desc").orderBy("id", "desc"),
);

/** Who did something to a domain, and what the entry about it is called. */
export type By = Fresh & { readonly actor: Actor };

type Owned = Pick<DomainsTable, "id" | "tenant" | "domain">;

export async function addKey(tx: Tx, owner: Owned, key: NewDkimKey, state: "next" | "active", at: number, by: By): Promise<DkimKeyRow> {
  const row: DkimKeyRow = { ...key, state, created_at: at };
  await tx.db
    .insertInto("dkim_keys")
    .values({ ...row, tenant: owner.tenant, domain: owner.domain })
    .execute();
  tx.touch(domainKey(owner));
  await appendDomain(tx, owner, "dkim.add", { key: key.id, state }, at, by);
  return row;
}

/** The name of a domain can be a person's: it goes where it can be erased; its id stays. */
export async function appendDomain(
  tx: Tx,
  { id: domain_id, tenant, domain }: Owned,
  action: AuditAction,
  facts: Readonly<Record<string, string>>,
  at: number,
  { actor, audit_id: id, salt }: By,
): Promise<void> {
  const entry = { id, tenant, at, action, actor, message: null, mailbox: null, salt, retentionDays: STANDARD_RETENTION_DAYS };
  await appendAction(tx, { ...entry, facts: { domain: domain_id, ...facts }, details: { domain } });
}
