import { InvalidArgumentError } from "commander";

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

const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i;

/** What an option was given, as RFC 3339 in UTC. Throws commander's error for a time without a zone: it would be guessed. */
export function parseTime(text: string): string {
  const epochMs = TIME.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text) : NaN;
  if (Number.isNaN(epochMs))
    throw new InvalidArgumentError("give a time with its zone, like 2026-11-23T08:00:00Z or 2026-11-23T09:00+01:00");
  return new Date(epochMs).toISOString();
}

/** `Date.parse` takes 31 February for 3 March. */
function isDay(day: string): boolean {
  const epochMs = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(epochMs) && new Date(epochMs).toISOString().startsWith(day);
}
