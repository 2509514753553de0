import { RE2JS } from "re2js";
import { scanSource } from "./pattern-scan.ts";
import type { PatternProblem } from "./pattern-scan.ts";

// The dialect of content patterns, in one place: the policy loader refuses by it, the content guard matches by it.

/** Characters of one pattern between its slashes. */
export const MAX_PATTERN_LENGTH = 1_000;

/**
 * Instructions one pattern may compile to. Matching is linear in the text, and its factor is this number in the worst
 * case: a bound here and on the sum (`MAX_PROGRAM_TOTAL`) is what keeps hostile mail from slowing a scan at will.
 */
export const MAX_PROGRAM = 500;

/** Instructions all patterns of one policy may compile to. */
export const MAX_PROGRAM_TOTAL = 50_000;

export interface Pattern {
  /** Normal form, `/source/flags`; parses to itself. */
  readonly text: string;
  /** The same for the linear engine, flags included. */
  readonly expression: string;
  /** Instructions of the compiled program. */
  readonly size: number;
}

export type ParsedPattern = { readonly ok: true; readonly pattern: Pattern } | { readonly ok: false; readonly problem: PatternProblem };

/** A JavaScript RegExp as pattern text. */
export function formatRegExp(expression: RegExp): string {
  return `/${expression.source}/${expression.flags}`;
}

/**
 * Reads `/source/flags`, or a plain string as a case-sensitive source, e.g. `(?i)wire transfer`. JavaScript syntax
 * throughout, Unicode always on, without what needs backtracking (backreferences, lookaround, atomic groups).
 *
 * Flags: `i`, `m`, `s`. `u` is always on; `g` and `d` change nothing for "does it occur" and are dropped. `y` would tie
 * the pattern to the first character and `v` is another class syntax: both are refused.
 */
export function parsePattern(text: string): ParsedPattern {
  const { source, flags } = split(text);
  const normal = normalSource(source);
  const problem = sizeProblem(text) ?? sizeProblem(`/${normal}/`) ?? flagProblem(flags) ?? scanSource(source, MAX_PROGRAM);
  return problem === null ? compile(normal, normalFlags(flags)) : { ok: false, problem };
}

function split(text: string): { readonly source: string; readonly flags: string } {
  const last = text.lastIndexOf("/");
  if (!text.startsWith("/") || last === 0) return { source: text, flags: "" };
  return { source: text.slice(1, last), flags: text.slice(last + 1) };
}

function sizeProblem(text: string): PatternProblem | null {
  if (text.length > MAX_PATTERN_LENGTH + 5) {
    return whole(`has ${text.length} characters, at most ${MAX_PATTERN_LENGTH} are allowed`, "split it into several guards");
  }
  return text.isWellFormed() ? null : whole("has half a surrogate pair", "write the character itself or `\\u{…}`");
}

function flagProblem(flags: string): PatternProblem | null {
  for (const [index, flag] of [...flags].entries()) {
    if (flags.indexOf(flag) !== index) return whole(`has the flag \`${flag}\` twice`, "write it once");
    if (flag === "y") return whole("has the flag `y` (it ties the pattern to the start)", "remove `y`, and write `^` for the start");
    if (flag === "v") return whole("has the flag `v` (the linear engine lacks its classes)", "remove `v`, and write plain classes");
    if (!"dgimsu".includes(flag)) {
      return whole(
        `has the unknown flag \`${flag}\``,
        "use `i`, `m` or `s`; a plain string that begins with a slash needs `\\/` for that slash",
      );
    }
  }
  return null;
}

function normalFlags(flags: string): string {
  return [..."ims"].filter((flag) => flags.includes(flag)).join("");
}

/** As `RegExp.prototype.source` writes it: no bare slash outside a class, no line ends. */
function normalSource(source: string): string {
  let text = "";
  let inClass = false;
  for (let at = 0; at < source.length; at++) {
    const character = source.charAt(at);
    if (character === "\\") {
      text += character + escapeLineEnd(source.charAt(++at), "");
      continue;
    }
    if (character === "[") inClass = true;
    if (character === "]") inClass = false;
    text += character === "/" && !inClass ? "\\/" : escapeLineEnd(character, "\\");
  }
  return text;
}

function escapeLineEnd(character: string, prefix: string): string {
  if (character === "\n") return `${prefix}n`;
  if (character === "\r") return `${prefix}r`;
  return character;
}

function compile(source: string, flags: string): ParsedPattern {
  const expression = (flags === "" ? "" : `(?${flags})`) + RE2JS.translateRegExp(source);
  try {
    const compiled = RE2JS.compile(expression);
    const problem = programProblem(compiled);
    if (problem !== null) return { ok: false, problem };
    return { ok: true, pattern: { text: `/${source}/${flags}`, expression, size: compiled.programSize() } };
  } catch (error) {
    return { ok: false, problem: engineProblem(error, source) };
  }
}

function programProblem(compiled: RE2JS): PatternProblem | null {
  const size = compiled.programSize();
  if (size > MAX_PROGRAM) return whole(`compiles to ${size} steps, at most ${MAX_PROGRAM} are allowed`, "shorten the counted repetitions");
  // U+E000 is private use: what matches it as well as nothing does not look at the text at all.
  return compiled.test("") && compiled.test("\u{E000}") ? whole("matches every text", "require at least one character") : null;
}

function engineProblem(error: unknown, source: string): PatternProblem {
  const { error: reason, input } = error as { readonly error?: string; readonly input?: string | null };
  const found = typeof input === "string" ? source.indexOf(input) : -1;
  return {
    what: typeof reason === "string" ? `is not a regular expression: ${reason}${quoted(input)}` : "is not a regular expression",
    position: found < 0 ? null : found,
    fix: "correct it there, or write `\\` before a character that stands for itself",
  };
}

function quoted(fragment: string | null | undefined): string {
  return fragment == null ? "" : ` \`${fragment.slice(0, 40)}\``;
}

function whole(what: string, fix: string): PatternProblem {
  return { what, position: null, fix };
}
