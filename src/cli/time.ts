/** `2026-11-21 10:00:00Z` of RFC 3339; what is no time stays as it is. */
export function formatTime(text: string): string {
  const epochMs = Date.parse(text);
  if (Number.isNaN(epochMs)) return text;
  return `${new Date(epochMs).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** `11-21 10:00:00`, UTC, for columns. */
export function shortTime(text: string): string {
  return formatTime(text).replace(/^\d{4}-(.*)Z$/, "$1");
}
