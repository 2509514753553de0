import { compile } from "html-to-text";

// An escaped bracket is four characters. Breaks are there already: what is left to do is entities and white space.
const convert = compile({
  wordwrap: false,
  preserveNewlines: true,
  // Not the library's default, which makes a space of U+200B: a word split by it would stay split.
  whitespaceCharacters: " \t\r\n\f",
  baseElements: { selectors: [] },
  limits: { maxInputLength: 16_000_000 },
});

/** Text and breaks, entities in it, as a reader gets it. */
export function layOut(html: string): string {
  return html.trim() === "" ? "" : convert(html).trim();
}

const SEPARATOR = "\u{f8ff}";

/** Entities of all stretches in one go: a conversion costs more than the text. */
export function decodeAll(stretches: readonly string[]): string[] {
  const joined = stretches.map((stretch) => stretch.replaceAll(SEPARATOR, " ")).join(SEPARATOR);
  const decoded = joined.includes("&") ? convert(joined.replaceAll("<", "&lt;")) : joined;
  return decoded.split(SEPARATOR).map((stretch) => stretch.trim());
}
