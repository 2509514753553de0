/** Audit entries as the first schema had them, and as they are found since `audit-reading`. */
export const OLD_ENTRIES = [
  "insert into tenants (id, name, created_at) values ('ten_1', 'n', 1)",
  entry("aud_1", { action: "decision", activity_id: "1", mailbox: "mbx_1", reason: 'says "mailbox":"mbx_9"' }),
  entry("aud_2", { action: "suppression.put", actor: "postern", mailbox: null }),
];

export const OLD_FOUND = [
  { id: "aud_1", action: "decision", mailbox: "mbx_1" },
  { id: "aud_2", action: "suppression.put", mailbox: null },
];

function entry(id: string, leaf: object): string {
  return `insert into audit_entries (id, tenant, at, leaf, leaf_hash) values ('${id}', 'ten_1', 1, '${JSON.stringify(leaf)}', '${id}')`;
}

/** Reservations as they were before they were counted, what may still be done to them by older code, and the minutes after that. */
export const OLD_SENDS = [sent("drf_1", "mbx_1", 59_999), sent("drf_2", "mbx_1", 60_000), sent("drf_3", "mbx_2", 119_999)];

export const LATER_SENDS = [
  sent("drf_4", "mbx_1", 61_000),
  `${sent("drf_1", "mbx_1", 120_000)} on conflict (draft) do update set at = excluded.at`,
  "update sends set at = 60001 where draft = 'drf_2'",
  "delete from sends where draft = 'drf_3'",
];

export const MINUTES_FOUND = [
  { mailbox: "mbx_1", minute: 1, number: 2 },
  { mailbox: "mbx_1", minute: 2, number: 1 },
];

function sent(draft: string, mailbox: string, at: number): string {
  return `insert into sends (draft, tenant, mailbox, at) values ('${draft}', 'ten_1', '${mailbox}', ${at})`;
}
