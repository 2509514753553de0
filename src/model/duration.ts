/** Units of a duration, longest first, in milliseconds. */
const UNITS = [
  { unit: "days", ms: 86_400_000 },
  { unit: "h", ms: 3_600_000 },
  { unit: "min", ms: 60_000 },
  { unit: "s", ms: 1_000 },
] as const;

/**
 * The one form of a duration in a policy: a whole number, a space, and `s`, `min`, `h` or `days` (`1 day`); `90 min`,
 * `7 days`. Milliseconds; null for anything else, so that `7`, `7d` and `P7D` are refused rather than guessed at.
 */
export function parseDuration(text: string): number | null {
  const [, number, word] = /^([1-9]\d{0,7}) (s|min|h|day|days)$/.exec(text) ?? [];
  const found = UNITS.find(({ unit }) => unit === (word === "day" ? "days" : word));
  return found === undefined ? null : Number(number) * found.ms;
}

/** The inverse, in the longest unit that divides it: `60 min` and `1 h` are one document. Whole seconds only. */
export function formatDuration(ms: number): string {
  const { unit, ms: length } = UNITS.find((each) => ms % each.ms === 0) ?? UNITS[3];
  const number = Math.round(ms / length);
  return `${number} ${unit === "days" && number === 1 ? "day" : unit}`;
}
