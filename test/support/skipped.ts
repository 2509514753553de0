/** The reason of what ends its server. */
export const OTHERS_SERVER = "TEMPORAL_ADDRESS names a server that must not be killed";

/** What the title of what is skipped ends with; nothing when there is no reason, and it runs. */
export function skippedFor(reason: string | null): string {
  return reason === null ? "" : ` (skipped: ${reason})`;
}
