/** `2026-11-21 10:00:00Z` of RFC 3339; what is no time stays as it is. */
export function formatTime(text: string): string {
  const epochMs = Date.parse(text);
  if (Number.isNaN(epochMs)) return text;
  return `${new Date(epochMs).toISOString().slice(0, 19).replace("T", " ")}Z`;
}
