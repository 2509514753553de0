import { z } from "@hono/zod-openapi";
import type { CheckedRecord } from "../mail/domain-check.ts";
import { dkimRecord, dmarcRecord, publicHost, spfRecord, type DomainRecord } from "../mail/domain-records.ts";
import type { DomainRow } from "../store/contract-outbound.ts";
import { timeOf } from "./paging.ts";

const State = z.enum(["local", "unverified", "verified"]).openapi({
  description: "`local`: came with a mailbox. `verified`: DNS shows the key, so the domain is its owner's to send for.",
});

const record = {
  purpose: z.enum(["dkim", "spf", "dmarc"]),
  type: z.literal("TXT"),
  name: z.string(),
  value: z.string(),
  strings: z.array(z.string()).openapi({ description: "The value in strings of at most 255, for name servers that want it cut." }),
  note: z.string(),
};

const EXAMPLE_RECORD = {
  purpose: "dkim" as const,
  type: "TXT" as const,
  name: "pst4k7m2q9x._domainkey.acme.example",
  value: "v=DKIM1; k=rsa; p=MIIBIjANBgkq…",
  strings: ["v=DKIM1; k=rsa; p=MIIBIjANBgkq…"],
  note: "exactly this; the domain is verified by it",
};

const Key = z.object({ id: z.string(), selector: z.string(), state: z.enum(["next", "active", "retired"]), created_at: z.string() });

const EXAMPLE_DOMAIN = {
  id: "dom_3f5h7k9m1p3r5t7v9x1z3b5d",
  domain: "acme.example",
  state: "unverified" as const,
  keys: [
    {
      id: "dkm_2n4p6r8t0v1x3z5b7d9f1h3k",
      selector: "pst4k7m2q9x",
      state: "active" as const,
      created_at: "2026-11-21T10:00:00.000Z",
    },
  ],
  created_at: "2026-11-21T10:00:00.000Z",
  checked_at: null,
};

const domain = {
  id: z.string(),
  domain: z.string(),
  state: State,
  keys: z.array(Key).openapi({ description: "DKIM keys, newest first. The private parts leave the instance never." }),
  created_at: z.string(),
  checked_at: z.string().nullable().openapi({ description: "When DNS was last looked at." }),
};

export const Domain = z
  .object({ ...domain, records: z.array(z.object(record)).openapi({ description: "What to publish." }) })
  .openapi("Domain", { example: { ...EXAMPLE_DOMAIN, records: [EXAMPLE_RECORD] } });

export const Checked = z
  .object({
    ...domain,
    records: z.array(
      z.object({
        ...record,
        status: z.enum(["ok", "missing", "differs", "unknown"]).openapi({ description: "`unknown`: DNS did not answer." }),
        found: z.array(z.string()).openapi({ description: "What is published." }),
      }),
    ),
  })
  .openapi("CheckedDomain", {
    example: {
      ...EXAMPLE_DOMAIN,
      state: "verified",
      checked_at: "2026-11-21T11:00:00.000Z",
      records: [{ ...EXAMPLE_RECORD, status: "ok", found: [EXAMPLE_RECORD.value] }],
    },
  });

/** Of keys that sign or will: a retired one is on its way out. */
export function recordsOf({ domain, keys }: DomainRow, publicUrl: string): readonly DomainRecord[] {
  const dkim = keys.filter(({ state }) => state !== "retired").map((key) => dkimRecord(domain, key));
  return [...dkim, spfRecord(domain, publicHost(publicUrl)), dmarcRecord(domain)];
}

export function domainJson(row: DomainRow, publicUrl: string): z.infer<typeof Domain> {
  return { ...rowJson(row), records: recordsOf(row, publicUrl).map(recordJson) };
}

function rowJson(row: DomainRow): Omit<z.infer<typeof Domain>, "records"> {
  return {
    id: row.id,
    domain: row.domain,
    state: row.state,
    keys: row.keys.map(({ id, selector, state, created_at }) => ({ id, selector, state, created_at: timeOf(created_at) })),
    created_at: timeOf(row.created_at),
    checked_at: row.checked_at === null ? null : timeOf(row.checked_at),
  };
}

export function checkedJson(row: DomainRow, records: readonly CheckedRecord[]): z.infer<typeof Checked> {
  return { ...rowJson(row), records: records.map(checkedRecordJson) };
}

function recordJson({ purpose, name, value, strings, note }: DomainRecord): z.infer<typeof Domain>["records"][number] {
  return { purpose, type: "TXT", name, value, strings: [...strings], note };
}

function checkedRecordJson(checked: CheckedRecord): z.infer<typeof Checked>["records"][number] {
  return { ...recordJson(checked), status: checked.status, found: [...checked.found] };
}
