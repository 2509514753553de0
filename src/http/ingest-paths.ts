/** Where mail is brought; the second is what bridges know (PB-07). */
export const INGEST_PATHS = ["/v1/ingest", "/ingest"] as const;

export function isIngest(path: string): boolean {
  return INGEST_PATHS.some((known) => known === path);
}
