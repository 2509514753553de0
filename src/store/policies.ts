import type { Actor } from "../model/decision.ts";
import type { MailboxId, TenantId } from "../model/ids.ts";
import type { PolicyRow } from "./contract.ts";
import { mailboxKey } from "./mailboxes.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { PoliciesTable } from "./schema.ts";

export const policies = {
  "policies.put": {
    kind: "write",
    async run(tx, { at, ...policy }) {
      const mailbox = await findMailbox(tx, policy);
      if (mailbox === undefined) return null;
      const current = await currentPolicy(tx, policy);
      if (current?.digest === policy.digest) return { ...current, created: false };
      const row = { ...policy, version: (current?.version ?? 0) + 1, created_at: at };
      await tx.db.insertInto("policies").values(row).execute();
      await tx.db.updateTable("mailboxes").set({ policy: row.id }).where("id", "=", row.mailbox).execute();
      tx.touch(policyKey(policy));
      tx.touch(mailboxKey({ id: row.mailbox }));
      return { ...policyRow(row), created: true };
    },
  },

  "policies.current": { kind: "read", until: policyKey, run: currentPolicy },

  "policies.get": {
    kind: "read",
    async run({ db }, { tenant, id }) {
      const row = await db.selectFrom("policies").selectAll().where("tenant", "=", tenant).where("id", "=", id).executeTakeFirst();
      return row === undefined ? null : policyRow(row);
    },
  },
} satisfies OperationsOf<"policies">;

interface Place {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

/** Moves with the mailbox's current version. */
function policyKey({ mailbox }: Place): string {
  return `policy:${mailbox}`;
}

function findMailbox({ db }: Tx, { tenant, mailbox }: Place) {
  return db.selectFrom("mailboxes").select("id").where("tenant", "=", tenant).where("id", "=", mailbox).executeTakeFirst();
}

const selectCurrent = once((db, given: Place) =>
  db
    .selectFrom("mailboxes")
    .innerJoin("policies", "policies.id", "mailboxes.policy")
    .selectAll("policies")
    .where("mailboxes.tenant", "=", given.tenant)
    .where("mailboxes.id", "=", given.mailbox),
);

async function currentPolicy({ db }: Tx, { tenant, mailbox }: Place): Promise<PolicyRow | null> {
  const [row] = await selectCurrent(db, { tenant, mailbox });
  return row === undefined ? null : policyRow(row);
}

function policyRow(row: PoliciesTable): PolicyRow {
  return {
    id: row.id,
    tenant: row.tenant,
    mailbox: row.mailbox,
    version: row.version,
    digest: row.digest,
    document: row.document,
    created_at: row.created_at,
    actor: row.actor as Actor,
  };
}
