import type { MailboxId, TenantId } from "../model/ids.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";
import type { StopsTable } from "./schema.ts";

/** Widest first: lifting a narrower stop would change nothing. */
const KINDS: readonly StopsTable["kind"][] = ["tenant", "agent", "mailbox"];

const selectStops = once((db, given: { tenant: TenantId }) =>
  db.selectFrom("stops").select(["kind", "id"]).where("tenant", "=", given.tenant),
);

/** What stops this mailbox now; null: nothing. */
export async function stoppedBy(
  { db }: Tx,
  { tenant, mailbox, agent_id }: { tenant: TenantId; mailbox: MailboxId; agent_id: string },
): Promise<StopsTable["kind"] | null> {
  const own: Record<StopsTable["kind"], string> = { tenant, agent: agent_id, mailbox };
  const stops = await selectStops(db, { tenant });
  return KINDS.find((kind) => stops.some((stop) => stop.kind === kind && stop.id === own[kind])) ?? null;
}
