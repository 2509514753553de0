import { frameOf, PAGE, type Frame, type Styles } from "./frame.ts";
import { decodeAll, layOut } from "./layout.ts";
import { readStyleSheet, type StyleSheet } from "./stylesheet.ts";
import { indexOfEndTag, isLetter, readTag, type Tag } from "./tag.ts";

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

interface Walk {
  readonly html: string;
  at: number;
  readonly frames: Frame[];
  /** Open elements by name, so that a stray end tag costs nothing. */
  readonly open: Map<string, number>;
  /** Elements open below the levels that are followed. */
  tooDeep: number;
  readonly styles: Styles;
  /** Text and breaks, entities not yet decoded. */
  readonly visible: string[];
  /** The last break written, so that a run of them is one. */
  lastBreak: string;
  readonly hidden: string[];
  /** The hidden stretch being read. */
  stretch: string[];
}

function startWalk(html: string): Walk {
  const walk: Walk = {
    html,
    at: 0,
    frames: [PAGE],
    open: new Map(),
    tooDeep: 0,
    styles: { sheet: new Map(), inline: new Map() },
    visible: [],
    lastBreak: "",
    hidden: [],
    stretch: [],
  };
  readStyles(html, walk.styles.sheet);
  return walk;
}

/** All style elements first: one at the end of the body styles what comes before it, too. */
function readStyles(html: string, sheet: StyleSheet): void {
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
  walk.frames.push(frameOf(tag, topFrame(walk), walk.styles));
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

function showReplaced(walk: Walk, tag: Tag): void {
  const text = tag.attributes.get("alt") ?? (tag.attributes.get("type") === "submit" ? (tag.attributes.get("value") ?? "") : "");
  if (text === "") return;
  // It has no content, and looks like itself all the same.
  walk.frames.push(frameOf(tag, topFrame(walk), walk.styles));
  addText(walk, ` ${text} `);
  walk.frames.pop();
}

// Elements that end by themselves when a sibling opens; an unclosed run of them is no depth.
// Maps, here and below: a `<constructor>` must find nothing.
const ENDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["li", ["p", "li"]],
  ["dt", ["p", "dd", "dt"]],
  ["dd", ["p", "dd", "dt"]],
  ["option", ["option"]],
  ["td", ["p", "td", "th"]],
  ["th", ["p", "td", "th"]],
  ["tr", ["p", "td", "th", "tr"]],
  ["tbody", ["p", "td", "th", "tr", "thead", "tbody"]],
]);
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
  const ends = ENDS.get(name) ?? (BLOCKS.has(name) ? ["p"] : []);
  while (ends.includes(topFrame(walk).name)) popFrame(walk, topFrame(walk).name);
}

/** What is left of a tag for the layout: where lines and paragraphs break. A line break element breaks each time. */
function emitBreak(walk: Walk, name: string): void {
  const kind = KEPT.get(name);
  if (kind === undefined || !isSeen(walk) || walk.lastBreak === "p" || (walk.lastBreak === kind && name !== "br")) return;
  emit(walk, BREAKS[kind]);
  walk.lastBreak = kind;
}

const BREAKS = { br: "\n", p: "\n\n", space: " " } as const;

const KEPT: ReadonlyMap<string, keyof typeof BREAKS> = new Map([
  ["br", "br"],
  ["hr", "br"],
  ["li", "br"],
  ["tr", "br"],
  ["dt", "br"],
  ["dd", "br"],
  ["div", "br"],
  ["option", "br"],
  ["td", "space"],
  ["th", "space"],
  ["p", "p"],
  ["table", "p"],
  ["ul", "p"],
  ["ol", "p"],
  ["dl", "p"],
  ["h1", "p"],
  ["h2", "p"],
  ["h3", "p"],
  ["h4", "p"],
  ["h5", "p"],
  ["h6", "p"],
  ["blockquote", "p"],
  ["pre", "p"],
  ["section", "p"],
  ["article", "p"],
]);
