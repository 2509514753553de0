import type { OperationsOf } from "./operation.ts";

export const tenants = {
  "tenants.create": {
    kind: "write",
    async run({ db }, { id, name, at }) {
      const taken = await db.selectFrom("tenants").select("id").where("name", "=", name).executeTakeFirst();
      if (taken !== undefined) return { conflict: "name" };
      const row = { id, name, created_at: at };
      await db.insertInto("tenants").values(row).execute();
      return row;
    },
  },

  "tenants.first": {
    kind: "read",
    async run({ db }) {
      const row = await db.selectFrom("tenants").selectAll().orderBy("created_at").orderBy("id").limit(1).executeTakeFirst();
      return row ?? null;
    },
  },
} satisfies OperationsOf<"tenants">;
