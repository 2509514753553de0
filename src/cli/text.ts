import { stripVTControlCharacters } from "node:util";

// Threat: subjects, names and error texts come from strangers. Printed as they are they could move the cursor, recolour
// or rewrite what the operator reads, or reverse its direction.

/** C0, DEL, C1, line separators, direction controls, zero width, tags: whatever acts on a terminal or hides from the eye. */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
const SEGMENTER = new Intl.Segmenter("en", { granularity: "grapheme" });

/** One line that shows every active character as `\u{…}`. Emoji made of several code points fall apart; nothing else changes. */
export function printable(text: string): string {
  return text.replace(ACTIVE, visible);
}

/** The same for several lines: line ends and tabs stay. */
export function printableLines(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .replace(ACTIVE, (character) => (character === "\n" || character === "\t" ? character : visible(character)));
}

/** JSON that a terminal may be shown: what JSON.stringify leaves active is escaped, so the document stays the same. */
export function printableJson(document: unknown, indent = 2): string {
  return JSON.stringify(document, null, indent).replace(ACTIVE, (character) => (character === "\n" ? character : jsonEscape(character)));
}

function visible(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function jsonEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/** Terminal cells. */
export function width(text: string): number {
  let cells = 0;
  for (const { segment } of SEGMENTER.segment(stripVTControlCharacters(text))) cells += isWide(segment.codePointAt(0) ?? 0) ? 2 : 1;
  return cells;
}

/** East Asian Width W and F, and emoji, by block: exact enough to align columns. */
function isWide(point: number): boolean {
  return (
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd)
  );
}

export function pad(text: string, cells: number): string {
  return text + " ".repeat(Math.max(0, cells - width(text)));
}

/** At most `cells` wide, with `…` where something was cut. */
export function fit(text: string, cells: number): string {
  if (width(text) <= cells) return text;
  let kept = "";
  for (const { segment } of SEGMENTER.segment(text)) {
    if (width(kept + segment) > cells - 1) break;
    kept += segment;
  }
  return `${kept}…`;
}

/** Lines of at most `cells`, broken at spaces; a longer word keeps its line. */
export function wrap(text: string, cells: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > cells) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** The same with longer words cut: no line is left for the terminal to break, where what a stranger wrote would begin a line. */
export function fold(text: string, cells: number): string[] {
  return wrap(text, cells).flatMap((line) => cut(line, cells));
}

function cut(line: string, cells: number): string[] {
  if (width(line) <= cells) return [line];
  const pieces: string[] = [];
  let [piece, used] = ["", 0];
  for (const { segment } of SEGMENTER.segment(line)) {
    const wide = width(segment);
    if (used + wide > cells && piece !== "") {
      pieces.push(piece);
      [piece, used] = ["", 0];
    }
    piece += segment;
    used += wide;
  }
  return [...pieces, piece];
}
