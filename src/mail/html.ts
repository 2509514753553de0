import { convert, type HtmlToTextOptions } from "html-to-text";
import { readDeclarations, readStyleSheet, type Appearance, type StyleSheet } from "./style.ts";

/** An HTML part as text: what a person reads, and what a person would not see. */
export interface HtmlText {
  readonly visible: string;
  /** Hidden elements, comments, scripts, titles, and what lies beyond the limits. One entry per stretch. */
  readonly hidden: readonly string[];
}

/** Characters of HTML that are read; what follows counts as hidden. Readers of mail show far less. */
const READ = 2_000_000;
/** Levels that are followed; browsers stop at 512. Text further down counts as hidden. */
const DEPTH = 500;
const HIDDEN_STRETCHES = 1_000;

/**
 * One linear pass over the tags splits what is seen from what is not and writes the seen part anew, flat and without
 * attributes; html-to-text, whose parser is quadratic and recursive in the depth, only decodes that. Never throws for
 * any input: text it cannot place counts as hidden, so a guard sees it and an agent does not.
 */
export function readHtml(html: string): HtmlText {
  const walk = startWalk(html.slice(0, READ));
  while (walk.at < walk.html.length) step(walk);
  endStretch(walk);
  return {
    visible: layOut(walk.visible.join("")),
    hidden: [...decodeAll(walk.hidden), html.slice(READ)].filter((stretch) => stretch !== ""),
  };
}

interface Frame {
  readonly name: string;
  readonly gone: boolean;
  readonly invisible: boolean;
  readonly tiny: boolean;
  readonly color: string | null;
  readonly background: string | null;
  /** Where an anchor leads. */
  readonly href: string | null;
  readonly preformatted: boolean;
}

interface Walk {
  readonly html: string;
  at: number;
  readonly frames: Frame[];
  /** Open elements by name, so that a stray end tag costs nothing. */
  readonly open: Map<string, number>;
  /** Elements open below the levels that are followed. */
  tooDeep: number;
  readonly sheet: Map<string, Appearance>;
  /** Text and breaks, entities not yet decoded. */
  readonly visible: string[];
  /** The last break written, so that a run of them is one. */
  lastBreak: string;
  readonly hidden: string[];
  /** The hidden stretch being read. */
  stretch: string[];
}

const WHITE = "fff";
const PAGE: Frame = {
  name: "",
  gone: false,
  invisible: false,
  tiny: false,
  color: "000",
  background: WHITE,
  href: null,
  preformatted: false,
};

function startWalk(html: string): Walk {
  const walk: Walk = {
    html,
    at: 0,
    frames: [PAGE],
    open: new Map(),
    tooDeep: 0,
    sheet: new Map(),
    visible: [],
    lastBreak: "",
    hidden: [],
    stretch: [],
  };
  readStyles(html, walk.sheet);
  return walk;
}

/** All style elements first: one at the end of the body styles what comes before it, too. */
function readStyles(html: string, sheet: Map<string, Appearance>): void {
  const opening = /<style(?=[\s/>])/gi;
  for (let match = opening.exec(html); match !== null; match = opening.exec(html)) {
    const { end: start } = readTag(html, match.index + 1);
    const close = indexOfEndTag(html, "style", start);
    opening.lastIndex = close === -1 ? html.length : close;
    readStyleSheet(html.slice(start, opening.lastIndex), sheet);
  }
}

function step(walk: Walk): void {
  const { html, at } = walk;
  const tag = html.indexOf("<", at);
  if (tag !== at) {
    const end = tag === -1 ? html.length : tag;
    addText(walk, html.slice(at, end));
    walk.at = end;
  } else if (html.startsWith("<!--", at)) readComment(walk);
  else if (isLetter(html.charCodeAt(at + 1))) openTag(walk);
  else if (html.charAt(at + 1) === "/") closeTag(walk);
  else if (html.charAt(at + 1) === "!" || html.charAt(at + 1) === "?") readBogusComment(walk);
  else {
    addText(walk, "&lt;");
    walk.at++;
  }
}

function addText(walk: Walk, text: string): void {
  if (!isSeen(walk)) walk.stretch.push(text);
  else if (topFrame(walk).preformatted) emit(walk, text.replaceAll("<", "&lt;"));
  else emitWords(walk, text);
}

const LINE_ENDS = /[\t\n\f\r]/g;

/** White space between tags is no text, or it would stand between two breaks. */
function emitWords(walk: Walk, text: string): void {
  const words = text.replaceAll("<", "&lt;").replace(LINE_ENDS, " ");
  if (walk.lastBreak === "" || words.trim() !== "") emit(walk, words);
}

function emit(walk: Walk, html: string): void {
  if (html === "") return;
  endStretch(walk);
  walk.visible.push(html);
  walk.lastBreak = "";
}

function isSeen(walk: Walk): boolean {
  const frame = topFrame(walk);
  if (walk.tooDeep > 0 || frame.gone || frame.invisible || frame.tiny || frame.color === "transparent") return false;
  return frame.color === null || frame.color !== frame.background;
}

function topFrame(walk: Walk): Frame {
  return walk.frames.at(-1) ?? PAGE;
}

function endStretch(walk: Walk): void {
  if (walk.stretch.length === 0) return;
  addHidden(walk, walk.stretch.join(""));
  walk.stretch = [];
}

function addHidden(walk: Walk, text: string): void {
  if (text.trim() === "") return;
  if (walk.hidden.length < HIDDEN_STRETCHES) walk.hidden.push(text);
  else walk.hidden[HIDDEN_STRETCHES - 1] += ` ${text}`;
}

function readComment(walk: Walk): void {
  const { html, at } = walk;
  // `<!-->` and `<!--->` are whole comments to a browser.
  const short = html.startsWith("<!-->", at) ? 5 : html.startsWith("<!--->", at) ? 6 : 0;
  const close = short > 0 ? at + short - 3 : html.indexOf("-->", at + 4);
  const end = close === -1 ? html.length : close;
  if (short === 0) addHidden(walk, html.slice(at + 4, end));
  walk.at = end + 3;
}

/** `<!doctype …>`, `<?xml …>`, `</ …>`: to the next bracket. */
function readBogusComment(walk: Walk): void {
  const { html, at } = walk;
  const close = html.indexOf(">", at);
  const end = close === -1 ? html.length : close;
  const text = html.slice(at + 2, end);
  if (!text.slice(0, 7).toLowerCase().startsWith("doctype")) addHidden(walk, text);
  walk.at = end + 1;
}

function closeTag(walk: Walk): void {
  if (!isLetter(walk.html.charCodeAt(walk.at + 2))) {
    readBogusComment(walk);
    return;
  }
  const tag = readTag(walk.html, walk.at + 2);
  walk.at = tag.end;
  if (walk.tooDeep > 0) {
    walk.tooDeep--;
    return;
  }
  const seen = isSeen(walk);
  const closed = popFrame(walk, tag.name);
  if (seen && closed !== null && closed.href !== null) emitLink(walk, closed.href);
  emitBreak(walk, tag.name);
}

/** The innermost open element of that name and all inside it end; null when none is open. */
function popFrame(walk: Walk, name: string): Frame | null {
  if ((walk.open.get(name) ?? 0) === 0) return null;
  for (;;) {
    const popped = walk.frames.pop() ?? PAGE;
    walk.open.set(popped.name, (walk.open.get(popped.name) ?? 1) - 1);
    if (popped.name === name || popped === PAGE) return popped;
  }
}

/** A reader of mail shows where a link leads; so does the text, unless the words are the link. */
function emitLink(walk: Walk, href: string): void {
  if (walk.visible.at(-1)?.trim() !== href) emit(walk, ` [${href}]`);
}

interface Tag {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Past the closing bracket. */
  readonly end: number;
}

function openTag(walk: Walk): void {
  const tag = readTag(walk.html, walk.at + 1);
  walk.at = tag.end;
  if (RAW.has(tag.name)) {
    readRaw(walk, tag.name);
    return;
  }
  closeImplied(walk, tag.name);
  if (tag.name === "img" || tag.name === "input") showReplaced(walk, tag);
  emitBreak(walk, tag.name);
  if (VOID.has(tag.name)) return;
  if (walk.frames.length > DEPTH) walk.tooDeep++;
  else pushFrame(walk, tag);
}

function pushFrame(walk: Walk, tag: Tag): void {
  walk.frames.push(frameOf(tag, topFrame(walk), walk.sheet));
  walk.open.set(tag.name, (walk.open.get(tag.name) ?? 0) + 1);
}

/** Elements whose content is not markup. Only a textarea's is shown. */
const RAW = new Set(["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext", "template"]);
const VOID = new Set(["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]);

function readRaw(walk: Walk, name: string): void {
  const { html, at } = walk;
  const close = name === "plaintext" ? -1 : indexOfEndTag(html, name, at);
  const end = close === -1 ? html.length : close;
  const content = html.slice(at, end);
  if (name === "textarea" || name === "xmp" || name === "plaintext") addText(walk, content);
  else if (name !== "style") addHidden(walk, content);
  walk.at = close === -1 ? html.length : readTag(html, close + 2).end;
}

function indexOfEndTag(html: string, name: string, from: number): number {
  const end = new RegExp(`</${name}(?=[\\s/>])`, "gi");
  end.lastIndex = from;
  return end.exec(html)?.index ?? -1;
}

function showReplaced(walk: Walk, tag: Tag): void {
  const text = tag.attributes.get("alt") ?? (tag.attributes.get("type") === "submit" ? (tag.attributes.get("value") ?? "") : "");
  if (text !== "") addText(walk, ` ${text} `);
}

// Elements that end by themselves when a sibling opens; an unclosed run of them is no depth.
const ENDS: Readonly<Record<string, readonly string[]>> = {
  li: ["p", "li"],
  dt: ["p", "dd", "dt"],
  dd: ["p", "dd", "dt"],
  option: ["option"],
  td: ["p", "td", "th"],
  th: ["p", "td", "th"],
  tr: ["p", "td", "th", "tr"],
  tbody: ["p", "td", "th", "tr", "thead", "tbody"],
};
const BLOCKS = new Set([
  "p",
  "div",
  "table",
  "ul",
  "ol",
  "dl",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "blockquote",
  "pre",
  "hr",
  "section",
  "article",
  "form",
  "center",
]);

function closeImplied(walk: Walk, name: string): void {
  const ends = ENDS[name] ?? (BLOCKS.has(name) ? ["p"] : []);
  while (ends.includes(topFrame(walk).name)) popFrame(walk, topFrame(walk).name);
}

/** What is left of a tag for the layout: where lines and paragraphs break. A line break element breaks each time. */
function emitBreak(walk: Walk, name: string): void {
  const kind = KEPT[name];
  if (kind === undefined || !isSeen(walk) || walk.lastBreak === "p" || (walk.lastBreak === kind && name !== "br")) return;
  emit(walk, BREAKS[kind]);
  walk.lastBreak = kind;
}

const BREAKS = { br: "\n", p: "\n\n", space: " " } as const;

const KEPT: Readonly<Record<string, keyof typeof BREAKS>> = {
  br: "br",
  hr: "br",
  li: "br",
  tr: "br",
  dt: "br",
  dd: "br",
  div: "br",
  option: "br",
  td: "space",
  th: "space",
  p: "p",
  table: "p",
  ul: "p",
  ol: "p",
  dl: "p",
  h1: "p",
  h2: "p",
  h3: "p",
  h4: "p",
  h5: "p",
  h6: "p",
  blockquote: "p",
  pre: "p",
  section: "p",
  article: "p",
};

function frameOf(tag: Tag, parent: Frame, sheet: StyleSheet): Frame {
  const own = appearanceOf(tag, sheet);
  return {
    name: tag.name,
    gone: parent.gone || own.gone === true || tag.attributes.has("hidden") || tag.attributes.get("aria-hidden") === "true",
    invisible: own.invisible ?? parent.invisible,
    tiny: own.tiny ?? parent.tiny,
    color: own.color === undefined ? parent.color : own.color,
    background: own.background === undefined ? parent.background : own.background,
    href: tag.name === "a" ? linkOf(tag.attributes.get("href")) : null,
    preformatted: parent.preformatted || tag.name === "pre",
  };
}

const LINK_LENGTH = 500;

function linkOf(href: string | undefined): string | null {
  const link = (href ?? "").trim();
  const shown = ["http:", "https:", "mailto:", "tel:"].some((scheme) => link.slice(0, 10).toLowerCase().startsWith(scheme));
  return shown && link.length <= LINK_LENGTH ? link.replaceAll("<", "&lt;") : null;
}

const CLASSES = 20;

function appearanceOf({ name, attributes }: Tag, sheet: StyleSheet): Appearance {
  const classes = (attributes.get("class") ?? "").toLowerCase().split(/\s/, CLASSES);
  const id = attributes.get("id")?.toLowerCase();
  const keys = [name, ...classes.flatMap((word) => [`.${word}`, `${name}.${word}`]), ...(id === undefined ? [] : [`#${id}`])];
  const sheets = sheet.size === 0 ? [] : keys.map((key) => sheet.get(key) ?? {});
  const style = attributes.get("style");
  return Object.assign({}, attributeAppearance(attributes), ...sheets, style === undefined ? {} : readDeclarations(decodeStyle(style)));
}

const STYLE_ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(colon|semi|lpar|rpar|num|period|amp|nbsp|tab|newline));?/gi;
const NAMED: Readonly<Record<string, string>> = {
  colon: ":",
  semi: ";",
  lpar: "(",
  rpar: ")",
  num: "#",
  period: ".",
  amp: "&",
  nbsp: " ",
  tab: " ",
  newline: " ",
};

/** Entities in a style attribute would hide a property from us and not from a reader of mail. */
function decodeStyle(style: string): string {
  if (!style.includes("&")) return style;
  return style.replace(STYLE_ENTITY, (_all, decimal?: string, hex?: string, named?: string) => {
    if (named !== undefined) return NAMED[named.toLowerCase()] ?? "";
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number.parseInt(decimal, 10);
    return code < 0x80 ? String.fromCharCode(code) : "";
  });
}

function attributeAppearance(attributes: ReadonlyMap<string, string>): Appearance {
  const [color, background] = [attributes.get("color"), attributes.get("bgcolor")];
  if (color === undefined && background === undefined && !attributes.has("background")) return {};
  const css = [
    color && `color:${color}`,
    background && `background-color:${background}`,
    attributes.has("background") && "background-image:url()",
  ];
  return readDeclarations(css.filter(Boolean).join(";"));
}

const ATTRIBUTES = 100;
const ATTRIBUTE_LENGTH = 4_000;

/** Reads a tag from its name on, as browsers do: quotes hide brackets, a slash is white space. */
function readTag(html: string, start: number): Tag {
  let at = endOfName(html, start);
  const name = html.slice(start, at).toLowerCase();
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

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

// An escaped bracket is four characters. Breaks are there already: what is left to do is entities and white space.
const LAYOUT: HtmlToTextOptions = {
  wordwrap: false,
  preserveNewlines: true,
  baseElements: { selectors: [] },
  limits: { maxInputLength: 8 * READ },
};

function layOut(html: string): string {
  return html.trim() === "" ? "" : convert(html, LAYOUT).trim();
}

const SEPARATOR = "\u{f8ff}";

/** Entities of all stretches in one go: a conversion costs more than the text. */
function decodeAll(stretches: readonly string[]): string[] {
  const joined = stretches.map((stretch) => stretch.replaceAll(SEPARATOR, " ")).join(SEPARATOR);
  const decoded = joined.includes("&") ? convert(joined.replaceAll("<", "&lt;"), LAYOUT) : joined;
  return decoded.split(SEPARATOR).map((stretch) => stretch.trim());
}
