import { DNS_BUDGET, withBudget } from "../mail/dns.ts";
import { checkRecord, type CheckedRecord } from "../mail/domain-check.ts";
import { PosternError } from "../model/errors.ts";
import type { DkimKeyRow, DomainRow } from "../store/contract-outbound.ts";
import type { HttpDeps } from "./deps.ts";
import { recordsOf } from "./domain-json.ts";

/** What DNS shows of everything the domain should publish. */
export async function checkDomain({ resolver, clock, publicUrl }: HttpDeps, row: DomainRow): Promise<readonly CheckedRecord[]> {
  if (row.keys.length === 0) {
    throw new PosternError("conflict", "the domain has no key yet", { fix: "claim it with `POST /v1/domains`, and publish its records" });
  }
  const budgeted = withBudget(resolver, DNS_BUDGET, clock);
  return Promise.all(recordsOf(row, publicUrl).map((each) => checkRecord(each, budgeted)));
}

/** Where a domain is after its active key's record was looked up. What DNS could not be asked changes nothing. */
export function stateAfter({ state }: DomainRow, status: CheckedRecord["status"] | null): DomainRow["state"] {
  if (status === "ok") return "verified";
  return state === "verified" && (status === "missing" || status === "differs") ? "unverified" : state;
}

export function statusOf(records: readonly CheckedRecord[], key: DkimKeyRow | null): CheckedRecord["status"] | null {
  return records.find(({ name }) => key !== null && name.startsWith(`${key.selector}.`))?.status ?? null;
}

export function keyIn({ keys }: DomainRow, state: DkimKeyRow["state"]): DkimKeyRow | null {
  return keys.find((key) => key.state === state) ?? null;
}
