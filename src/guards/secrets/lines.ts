import { fold } from "../fold.ts";

/** Stands for the end of a line: `fold` leaves it alone, and no mail means anything by it. */
export const BREAK = "\u{1f}";

/** A text to search, and the way back. */
export interface Lines {
  readonly text: string;
  /** The stretch of the original that became `[start, end)`. */
  origin(start: number, end: number): { readonly start: number; readonly end: number };
}

/** As a person reads it (`fold`): invisible characters gone, full-width digits plain, one space for many; `BREAK` at ends of lines. */
export function readLines(text: string): Lines {
  return fold(text.replace(/[\n\v\f\u0085\u2028\u2029]/g, BREAK));
}

/** Lines read as one. */
export interface Joined extends Lines {
  /** True where two lines meet, and at both ends. */
  isSeam(at: number): boolean;
  /** True when two lines meet inside. */
  crosses(start: number, end: number): boolean;
  /** The first place from `at` on where two lines meet, or the end. */
  nextSeam(at: number): number;
}

/** The end of a line, the white space around it, and the marks of a quotation on the next one. Bounded: linear. */
const SEAM = / ?\x1f(?: ?>){0,20} ?/g;

/** What is wrapped over lines, quoted or not, is whole again. */
export function joinLines(lines: Lines): Joined {
  const seams: number[] = [0];
  const removed: number[] = [0];
  let text = "";
  let done = 0;
  for (const match of lines.text.matchAll(SEAM)) {
    text += lines.text.slice(done, match.index);
    done = match.index + match[0].length;
    if (seams.at(-1) === text.length) removed[seams.length - 1] = done - text.length;
    else {
      seams.push(text.length);
      removed.push(done - text.length);
    }
  }
  text += lines.text.slice(done);
  const lastSeam = (at: number): number => lastAtOrBefore(seams, at);
  return {
    text,
    isSeam: (at) => at === text.length || seams[lastSeam(at)] === at,
    crosses: (start, end) => (seams[lastSeam(end - 1)] ?? 0) > start,
    nextSeam: (at) => seams[lastSeam(at - 1) + 1] ?? text.length,
    origin: (start, end) => {
      // A piece that ends at a seam ends with its line.
      const [first, last] = [removed[lastSeam(start)] ?? 0, removed[lastSeam(end - 1)] ?? 0];
      return lines.origin(start + first, end + last);
    },
  };
}

/** Index of the last number that is at most `value`; the first is. */
function lastAtOrBefore(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Letters and digits of ASCII: what a word, a number or a key is made of. */
export function isAlphanumeric(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** True when nothing alphanumeric of the same line touches `[start, end)`. */
export function standsAlone(joined: Joined, start: number, end: number): boolean {
  const { text } = joined;
  return (joined.isSeam(start) || !isAlphanumeric(text, start - 1)) && (joined.isSeam(end) || !isAlphanumeric(text, end));
}
