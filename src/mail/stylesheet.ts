import { readDeclarations, stripComments, type Appearance } from "./style.ts";

/** `.class`, `#id`, `tag` and `tag.class` of a style sheet, with what they say. */
export type StyleSheet = Map<string, Appearance>;

/** More than the HTML that is read can hold. */
const RULES = 250_000;

/** Only selectors of one element; what an at-rule wraps depends on the screen and is left out. */
export function readStyleSheet(css: string, into: StyleSheet): void {
  let at = 0;
  // Marks that once hid a style sheet from older browsers.
  const text = stripComments(css.replaceAll("<!--", "").replaceAll("-->", ""));
  while (at < text.length && into.size < RULES) {
    const open = text.indexOf("{", at);
    if (open === -1) return;
    const before = text.slice(at, open);
    // After statements such as `@charset "utf-8";`.
    const selectors = before.slice(before.lastIndexOf(";") + 1).trim();
    const atRule = selectors.startsWith("@");
    const close = atRule ? endOfBlock(text, open) : text.indexOf("}", open);
    const end = close === -1 ? text.length : close;
    if (!atRule) addRule(selectors, text.slice(open + 1, end), into);
    at = end + 1;
  }
}

function addRule(selectors: string, declarations: string, into: StyleSheet): void {
  const appearance = readDeclarations(declarations);
  if (Object.keys(appearance).length === 0) return;
  for (const selector of selectors.split(",")) {
    const key = selector.trim().toLowerCase();
    if (isSimple(key)) into.set(key, { ...into.get(key), ...appearance });
  }
}

function isSimple(selector: string): boolean {
  if (selector === "" || selector.length > 200) return false;
  for (const character of selector) if (" >+~:[*".includes(character)) return false;
  return true;
}

function endOfBlock(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text.charAt(at) === "{") depth++;
    else if (text.charAt(at) === "}" && --depth === 0) return at;
  }
  return -1;
}
