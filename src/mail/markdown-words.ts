import type { Token, Tokens } from "marked";

/** More levels or characters than mail has. */
export class TooMuch extends Error {}

const DEPTH = 50;
/** Characters of one reading; references can repeat a long target any number of times. */
const LENGTH = 4_000_000;

export function deeper(depth: number): number {
  if (depth >= DEPTH) throw new TooMuch();
  return depth + 1;
}

/** Joins what was rendered, as long as it is no more than mail has. */
export function joined(pieces: readonly string[], separator = ""): string {
  const length = pieces.reduce((sum, piece) => sum + piece.length + separator.length, 0);
  if (length > LENGTH) throw new TooMuch();
  return pieces.join(separator);
}

/** The box of a task stands before its first block where an item has no paragraphs. */
export function splitBox({ tokens }: Tokens.ListItem): { readonly box: string; readonly tokens: readonly Token[] } {
  const [first, ...rest] = tokens;
  return first?.type === "checkbox" ? { box: boxWords(first as Tokens.Checkbox), tokens: rest } : { box: "", tokens };
}

export function boxWords({ checked }: Tokens.Checkbox): string {
  return checked ? "[x] " : "[ ] ";
}

/** A run of text as a person reads it. Entities count in prose, and not in code, bare links and escaped characters. */
export function wordsOf(token: Token): string {
  const text = "text" in token && typeof token.text === "string" ? token.text : token.raw;
  return plain(token.type === "text" && "escaped" in token ? decodeEntities(text) : text);
}

/** Characters that act instead of being read, such as an escape sequence's. */
export function plain(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f\x7f]/g, "\ufffd");
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["nbsp", "\u00a0"],
  ["copy", "\u00a9"],
  ["reg", "\u00ae"],
  ["trade", "\u2122"],
  ["hellip", "\u2026"],
  ["ndash", "\u2013"],
  ["mdash", "\u2014"],
  ["euro", "\u20ac"],
]);

/** The entities that people write. Another one stays as it is written, in both readings. */
function decodeEntities(text: string): string {
  return text.includes("&") ? text.replace(/&([a-z]{2,6});/g, (whole, name: string) => ENTITIES.get(name) ?? whole) : text;
}
