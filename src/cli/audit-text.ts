import { flat } from "./flat.ts";

/** An audit entry as the HTTP door shows it. */
export interface Recorded {
  /** As it was hashed. */
  readonly leaf: string;
  /** Null: erased, their time is over. */
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** What was recorded: its kind and its facts. */
export function auditText(entry: Recorded): string {
  const { action } = leafOf(entry);
  return [action, factsOf(entry)].filter((part) => part !== "").join(" ");
}

/** For a list that has the kind beside it; of a decision what became of it, and why. */
export function recordedText(entry: Recorded): string {
  const { outcome, reason } = leafOf(entry);
  return [flat({ outcome, reason }), factsOf(entry)].filter((part) => part !== "").join(" ");
}

/** Of an act that was refused also which one, and what it needs. */
function factsOf(entry: Recorded): string {
  const { act, capability } = entry.details ?? {};
  return [flat(leafOf(entry).facts ?? {}), flat({ act, capability })].filter((part) => part !== "").join(" ");
}

interface LeafParts {
  readonly action: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  /** Of a decision. */
  readonly outcome?: string;
  readonly reason?: string;
}

function leafOf({ leaf }: Recorded): LeafParts {
  return JSON.parse(leaf) as LeafParts;
}
