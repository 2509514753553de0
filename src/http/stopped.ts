import type { MailboxRow } from "../store/contract.ts";
import type { StopRow } from "../store/contract-outbound.ts";

/** Widest first: lifting a narrower stop would change nothing. */
export const STOP_KINDS = ["tenant", "agent", "mailbox"] as const satisfies readonly StopRow["kind"][];

/** What stops the mailbox, of all that is stopped in its tenant; null: nothing. */
export function stoppedBy(stops: readonly StopRow[], { tenant, agent_id, id }: MailboxRow): StopRow["kind"] | null {
  const own: Record<StopRow["kind"], string> = { tenant, agent: agent_id, mailbox: id };
  return STOP_KINDS.find((kind) => stops.some((stop) => stop.kind === kind && stop.id === own[kind])) ?? null;
}
