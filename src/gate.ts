import type { Decision } from "./model/decision.ts";
import type { MessageId, TenantId } from "./model/ids.ts";
import type { InboundInput } from "./model/message.ts";

/** What the door tells the peer: a recorded decision, or that there is none yet. */
export type Answer =
  | { readonly kind: "decided"; readonly decision: Decision }
  | { readonly kind: "deferred"; readonly reason: "dns_unavailable" | "on_limit" | "no_answer" | "busy" | "unavailable" };

export interface ReleaseRequest {
  readonly tenant: TenantId;
  readonly message: MessageId;
  readonly action: "release" | "discard";
  readonly actor: Decision["actor"];
  readonly note: string;
}

export type ReleaseAnswer = Decision | { readonly refused: "not_found" | "not_waiting" };

/** The one client of Temporal for every door. */
export interface Gate {
  /** One durable judgement; never throws for an expected outcome. Resolves within `deadlineMs`. */
  receive(input: InboundInput, deadlineMs: number): Promise<Answer>;
  release(request: ReleaseRequest): Promise<ReleaseAnswer>;
  /** Resolves when Temporal answers, rejects with a temporary `PosternError` otherwise. */
  ping(): Promise<void>;
}
