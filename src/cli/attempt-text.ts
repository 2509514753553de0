import { spaced } from "./decision-text.ts";
import { formatTime } from "./time.ts";

/** What somebody tried to do about a draft or about mail that waits. */
export interface Attempt {
  readonly action: string;
  readonly by: string;
  readonly via: string;
  readonly result: string;
  readonly revision: number;
  readonly reason: string | null;
  readonly at: string;
}

/** When, then who did what and why. */
export function attemptField({ action, by, via, result, revision, reason, at }: Attempt): [string, string] {
  const came = result === "accepted" ? "" : `, refused: ${spaced(result)}`;
  const words = reason === null || reason === "" ? "" : `: ${reason}`;
  return [formatTime(at), `${spaced(action)} of revision ${revision} by ${by} (${via})${came}${words}`];
}
