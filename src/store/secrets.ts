import type { OperationsOf } from "./operation.ts";

export const secrets = {
  "secrets.get": {
    kind: "read",
    async run({ db }, { name }) {
      const row = await db.selectFrom("secrets").select("sealed").where("name", "=", name).executeTakeFirst();
      return row?.sealed ?? null;
    },
  },

  "secrets.put": {
    kind: "write",
    async run({ db }, secret) {
      await db
        .insertInto("secrets")
        .values(secret)
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute();
      const row = await db.selectFrom("secrets").select("sealed").where("name", "=", secret.name).executeTakeFirstOrThrow();
      return row.sealed;
    },
  },
} satisfies OperationsOf<"secrets">;
