import type { DraftState } from "./outbound.ts";

/** Where a draft is with one recipient. */
export const DELIVERY_STATES = ["pending", "accepted", "deferred", "refused", "unknown"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** As much of a delivery as its draft's state depends on. */
export interface DeliveryFate {
  readonly state: DeliveryState;
  readonly code: number | null;
  readonly enhanced: string | null;
}

/**
 * A draft's state from what became of it with each recipient (DESIGN §4.5); `reason` null: as it was. INVARIANT: `unknown`
 * wins, because nothing is tried again until a person has spoken; and a draft is `failed` only when nobody has it.
 */
export function draftStateOf(deliveries: readonly DeliveryFate[]): { readonly state: DraftState; readonly reason: string | null } {
  const first = (state: DeliveryState): DeliveryFate | undefined => deliveries.find((delivery) => delivery.state === state);
  const [deferred, refused] = [first("deferred"), first("refused")];
  if (first("unknown") !== undefined) return { state: "unknown", reason: "no_reply" };
  if (deferred !== undefined) return { state: "sending", reason: codeOf(deferred) ?? "no_answer" };
  if (first("pending") !== undefined || deliveries.length === 0) return { state: "sending", reason: null };
  if (refused === undefined) return { state: "sent", reason: "accepted" };
  return first("accepted") === undefined ? { state: "failed", reason: codeOf(refused) } : { state: "sent", reason: "partly_refused" };
}

function codeOf({ code, enhanced }: DeliveryFate): string | null {
  if (code === null) return null;
  return enhanced === null ? `${code}` : `${code} ${enhanced}`;
}

/** What a reply means for its recipient; null: nothing that a transport may report. */
export function fateOf(code: number, claimed: boolean): DeliveryState | null {
  if (code >= 200 && code < 300) return claimed ? "accepted" : null;
  if (code >= 400 && code < 500) return "deferred";
  return code >= 500 && code < 600 ? "refused" : null;
}
