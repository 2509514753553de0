import { readStored } from "../../policies/stored.ts";
import { PosternError } from "../model/errors.ts";
import type { MailboxId } from "../model/ids.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";

/** MM-02: in `read_only` an agent changes nothing, not even what it wrote while it could. People go on. */
export async function allowChanging(deps: HttpDeps, { tenant, view }: Caller, mailbox: MailboxId): Promise<void> {
  if (view === "all" || !(await isReadOnly(deps, { tenant, mailbox }))) return;
  throw new PosternError("blocked", "the mailbox is `read_only`: its agent changes nothing", {
    fix: "ask whoever oversees the mailbox",
    members: { reason: "mode_read_only" },
  });
}

async function isReadOnly({ store }: HttpDeps, { tenant, mailbox }: Pick<Caller, "tenant"> & { mailbox: MailboxId }): Promise<boolean> {
  const row = await store.run("mailboxes.get", { tenant, id: mailbox });
  if (row?.oversight_mode === "read_only") return true;
  const policy = await store.run("policies.current", { tenant, mailbox });
  return policy !== null && readStored(policy.digest, policy.document)?.outbound?.maxMode === "read_only";
}
