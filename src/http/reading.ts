import { PosternError } from "../model/errors.ts";
import type { MailboxId } from "../model/ids.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { stoppedBy } from "./stopped.ts";

/** the kill switch also keeps an agent from its mail. People read on. */
export async function allowReading({ store }: HttpDeps, { tenant, view }: Caller, mailbox: MailboxId): Promise<void> {
  if (view === "all") return;
  const stops = await store.run("oversight.stops", { tenant });
  if (stops.length === 0) return;
  const row = await store.run("mailboxes.get", { tenant, id: mailbox });
  if (row === null || stoppedBy(stops, row) === null) return;
  throw new PosternError("forbidden", "the mailbox is stopped", { fix: "ask whoever stopped it: `GET /v1/stops` says what is stopped" });
}
