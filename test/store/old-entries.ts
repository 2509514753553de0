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
