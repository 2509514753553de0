import type { DkimKeyId } from "../model/ids.ts";
import { addKey, appendDomain, domainKey, findDomain } from "./domain-rows.ts";
import type { DkimKeyRow, DomainRow } from "./contract-outbound.ts";
import type { OperationsOf, Tx } from "./operation.ts";

// INVARIANT: a domain has at most one active key (a unique index) and at most one that is to follow it.
export const dkim = {
  "dkim.add": {
    kind: "write",
    async run(tx, { tenant, domain, key, at, ...by }) {
      const row = await findDomain(tx, { tenant, domain });
      if (row === null || keyIn(row, "next") !== null) return row;
      await addKey(tx, row, key, "next", at, by);
      return findDomain(tx, { tenant, domain });
    },
  },

  // Activating a key that signs already changes nothing; null for one that is not there, or was retired.
  "dkim.activate": {
    kind: "write",
    async run(tx, { tenant, domain, id, at, ...by }) {
      const row = await findDomain(tx, { tenant, domain });
      const key = row?.keys.find((each) => each.id === id);
      if (row === null || key === undefined || key.state === "retired") return null;
      if (key.state === "active") return row;
      const old = keyIn(row, "active");
      if (old !== null) await setState(tx, old.id, "retired");
      await setState(tx, id, "active");
      tx.touch(domainKey(row));
      await appendDomain(tx, row, "dkim.activate", { key: id, ...(old === null ? {} : { retired: old.id }) }, at, by);
      return findDomain(tx, { tenant, domain });
    },
  },

  // Of two who offer at once the first one's is kept, and both get it.
  "dkim.signing": {
    kind: "write",
    async run(tx, { tenant, domain, offer, at, ...fresh }) {
      const row = await findDomain(tx, { tenant, domain });
      if (row === null) return null;
      return keyIn(row, "active") ?? addKey(tx, row, offer, "active", at, { ...fresh, actor: "postern" });
    },
  },
} satisfies OperationsOf<"dkim">;

function keyIn({ keys }: DomainRow, state: DkimKeyRow["state"]): DkimKeyRow | null {
  return keys.find((key) => key.state === state) ?? null;
}

async function setState({ db }: Tx, id: DkimKeyId, state: DkimKeyRow["state"]): Promise<void> {
  await db.updateTable("dkim_keys").set({ state }).where("id", "=", id).execute();
}
