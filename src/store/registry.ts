import { sql } from "kysely";
import { audit } from "./audit.ts";
import { decisions } from "./decisions.ts";
import { dispatches } from "./dispatches.ts";
import { dkim } from "./dkim.ts";
import { domains } from "./domains.ts";
import { drafts } from "./drafts.ts";
import { holds } from "./holds.ts";
import { idempotency } from "./idempotency.ts";
import { inbound } from "./inbound.ts";
import { keys } from "./keys.ts";
import { mailboxChange } from "./mailbox-change.ts";
import { mailboxes } from "./mailboxes.ts";
import { messages } from "./messages.ts";
import type { OperationsOf, Registry } from "./operation.ts";
import { oversight } from "./oversight.ts";
import { policies } from "./policies.ts";
import { receipts } from "./receipts.ts";
import { revisions } from "./revisions.ts";
import { screening } from "./screening.ts";
import { secrets } from "./secrets.ts";
import { sends } from "./sends.ts";
import { sink } from "./sink.ts";
import { suppressions } from "./suppressions.ts";
import { tenants } from "./tenants.ts";
import { threads } from "./threads.ts";
import { webhooks } from "./webhooks.ts";

// A write, because a database that can only be read cannot accept mail.
const ping = {
  "store.ping": {
    kind: "write",
    async run({ db }) {
      await sql`select 1`.execute(db);
      return { ok: true };
    },
  },
} satisfies OperationsOf<"store">;

/** Every operation the store knows. */
export const registry: Registry = {
  ...ping,
  ...tenants,
  ...keys,
  ...secrets,
  ...mailboxes,
  ...mailboxChange,
  ...policies,
  ...threads,
  ...inbound,
  ...decisions,
  ...messages,
  ...receipts,
  ...audit,
  ...holds,
  ...oversight,
  ...idempotency,
  ...screening,
  ...drafts,
  ...revisions,
  ...suppressions,
  ...sends,
  ...sink,
  ...domains,
  ...dkim,
  ...webhooks,
  ...dispatches,
};
