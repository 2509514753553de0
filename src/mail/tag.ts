/** A start or end tag of HTML. Names are lower case, values as written. */
export interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Past the closing bracket. */
  readonly end: number;
}

// Wide: a style that is cut off would show what it hides.
const ATTRIBUTES = 10_000;
const ATTRIBUTE_LENGTH = 1_000_000;

const NONE: ReadonlyMap<string, string> = new Map();

/** Reads a tag from its name on, as browsers do: quotes hide brackets, a slash is white space. */
export function readTag(html: string, start: number): Tag {
  let at = endOfName(html, start);
  const name = html.slice(start, at).toLowerCase();
  if (html.charAt(at) === ">") return { name, attributes: NONE, end: at + 1 };
  const attributes = new Map<string, string>();
  for (;;) {
    at = skipGap(html, at);
    if (at >= html.length) return { name, attributes, end: html.length };
    if (html.charAt(at) === ">") return { name, attributes, end: at + 1 };
    at = readAttribute(html, at, attributes);
  }
}

function endOfName(html: string, start: number): number {
  let at = start;
  while (at < html.length && !isGap(html.charCodeAt(at)) && html.charAt(at) !== ">") at++;
  return at;
}

function skipGap(html: string, start: number): number {
  let at = start;
  while (at < html.length && isGap(html.charCodeAt(at))) at++;
  return at;
}

/** White space, or the slash of `<br/>`. */
function isGap(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code === 0x2f;
}

function readAttribute(html: string, start: number, attributes: Map<string, string>): number {
  let at = start + 1;
  while (at < html.length && !isGap(html.charCodeAt(at)) && html.charAt(at) !== ">" && html.charAt(at) !== "=") at++;
  const name = html.slice(start, Math.min(at, start + 100)).toLowerCase();
  const equals = skipGap(html, at);
  const value = html.charAt(equals) === "=" ? readValue(html, skipGap(html, equals + 1)) : { text: "", end: at };
  if (attributes.size < ATTRIBUTES && !attributes.has(name)) attributes.set(name, value.text.slice(0, ATTRIBUTE_LENGTH));
  return value.end;
}

function readValue(html: string, start: number): { text: string; end: number } {
  const quote = html.charAt(start);
  if (quote === '"' || quote === "'") {
    const close = html.indexOf(quote, start + 1);
    const end = close === -1 ? html.length : close;
    return { text: html.slice(start + 1, end), end: end + 1 };
  }
  let end = start;
  while (end < html.length && !isWhite(html.charCodeAt(end)) && html.charAt(end) !== ">") end++;
  return { text: html.slice(start, end), end };
}

function isWhite(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

export function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** Where the end tag of an element without markup in it stands, or -1. */
export function indexOfEndTag(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  end.lastIndex = from;
  return end.exec(html)?.index ?? -1;
}
