import type { Problem } from "../model/errors.ts";
import { SUBMISSION_LIMITS } from "../model/outbound.ts";

// What an author may write in a place, checked in the one way for all places. Null or the text as it is used.

/** A line of a header: no line end or control may begin another field. */
export function readLine(value: string, path: string, longest: number, problems: Problem[]): string {
  const line = value.trim();
  const wrong = lineFault(line, longest);
  if (wrong !== null) problems.push({ path, message: wrong });
  return line;
}

function lineFault(line: string, longest: number): string | null {
  if (line.length > longest) return `is longer than ${longest} characters; fix: shorten it`;
  if (!line.isWellFormed()) return NOT_UNICODE;
  return hasControl(line) ? "holds a line break, NUL or another control character; fix: write it in one line of plain text" : null;
}

/** A text of several lines. */
export function readText(value: string, path: string, problems: Problem[]): string | null {
  const wrong = textFault(value);
  if (wrong !== null) problems.push({ path, message: wrong });
  return wrong === null ? value : null;
}

function textFault(value: string): string | null {
  if (Buffer.byteLength(value) > SUBMISSION_LIMITS.markdownBytes) return `is over ${SUBMISSION_LIMITS.markdownBytes} bytes; fix: attach it`;
  if (!value.isWellFormed()) return NOT_UNICODE;
  return value.includes("\0") ? "holds a NUL; fix: remove it" : null;
}

const NOT_UNICODE = "is not well-formed Unicode; fix: remove the half of a surrogate pair";

/** C0, DEL, C1 and the two line ends of Unicode. */
export function hasControl(text: string): boolean {
  return /[\p{Cc}\u2028\u2029]/u.test(text);
}

/** What was given, to stand in back-ticks in a message to its author. */
export function quoted(value: string): string {
  return `\`${value
    .slice(0, 64)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029`]/gu, "\ufffd")}\``;
}
