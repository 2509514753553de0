import { isAlphanumeric } from "./lines.ts";

/** One run of digits that no letter touches. */
export interface DigitGroup {
  readonly start: number;
  readonly end: number;
  /** What stands between the group before and this one. */
  readonly mark: Mark;
}

/** One separator; the end of a line, quoted or not; `none` when it is anything else, and the group begins a new chain. */
export type Mark = " " | "-" | "." | "line" | "none";

const MARKS: ReadonlyMap<string, Mark> = new Map([
  [" ", " "],
  ["-", "-"],
  [" -", "-"],
  ["- ", "-"],
  [" - ", "-"],
  [".", "."],
]);

/** Longest gap that is looked into. */
const GAP = 64;
const LINE_END = /^ ?\x1f(?: ?>){0,20} ?$/;

/** Groups of digits in order. */
export function* digitGroups(text: string): Generator<DigitGroup> {
  let before = -1;
  for (let at = 0; at < text.length; at++) {
    if (!isDigit(text, at)) continue;
    const start = at;
    while (isDigit(text, at)) at++;
    const alone = !isWord(text, start - 1) && !isWord(text, at);
    if (alone) yield { start, end: at, mark: before === -1 ? "none" : markOf(text, before, start) };
    before = alone ? at : -1;
  }
}

function markOf(text: string, from: number, to: number): Mark {
  if (to - from > GAP) return "none";
  const gap = text.slice(from, to).replace(/[\u2010-\u2015\u2212]/g, "-");
  return MARKS.get(gap) ?? (LINE_END.test(gap) ? "line" : "none");
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

function isWord(text: string, at: number): boolean {
  return isAlphanumeric(text, at) || text.charAt(at) === "_";
}
