import type { Decision } from "./decision.ts";
import type { MessageId, TenantId } from "./ids.ts";

/** Input of the workflow `releaseMessage`: what a person decided about a held or quarantined message. */
export interface ReleaseInput {
  readonly tenant: TenantId;
  readonly message: MessageId;
  readonly action: "release" | "discard";
  readonly actor: Decision["actor"];
  /** The person's words, for the audit's private details; at most 1,000 characters. */
  readonly note: string;
}

/** The message does not exist for this tenant, or waits for nobody. */
export interface ReleaseRefusal {
  readonly refused: "not_found" | "not_waiting";
}

export type ReleaseResult = Pick<Decision, "id" | "outcome" | "reason">;
