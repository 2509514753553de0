import { foldAddress, foldDomain } from "./address.ts";
import { reveal } from "./invisible.ts";
import { decodeAll } from "./layout.ts";
import { isLetter, readTag } from "./tag.ts";

/** A link as it is shown, and where it really goes. */
export interface Link {
  readonly text: string;
  /** As a browser reads it: host in A-labels. */
  readonly href: string;
  /** The text names another host or address than the one it leads to. */
  readonly differs: boolean;
}

/** Links that are looked at; nobody reads more. */
const MOST = 1_000;
const LENGTH = 2_000;

/** Every link of an HTML part, in order. One linear pass; total for any input. */
export function readLinks(html: string): readonly Link[] {
  const anchors = readAnchors(html);
  const decoded = decodeAll(anchors.flatMap(({ text, href }) => [text, href]));
  return anchors.map((_, index) => linkOf(decoded[2 * index] ?? "", decoded[2 * index + 1] ?? ""));
}

interface Anchor {
  text: string;
  readonly href: string;
}

function readAnchors(html: string): readonly Anchor[] {
  const anchors: Anchor[] = [];
  let open: Anchor | null = null;
  for (let at = 0; at < html.length && anchors.length < MOST;) {
    const tag = html.indexOf("<", at);
    const end = tag === -1 ? html.length : tag;
    if (open !== null) open.text = (open.text + html.slice(at, end)).slice(0, LENGTH);
    if (tag === -1) break;
    const next = readMarkup(html, tag);
    if (next.opens !== null) anchors.push((open = { text: "", href: next.opens.slice(0, LENGTH) }));
    else if (next.closes) open = null;
    else if (open !== null) open.text += next.alt;
    at = next.end;
  }
  return anchors;
}

interface Markup {
  readonly end: number;
  /** Target of a link that begins here. */
  readonly opens: string | null;
  readonly closes: boolean;
  /** What stands for an image. */
  readonly alt: string;
}

function readMarkup(html: string, at: number): Markup {
  const nothing = { opens: null, closes: false, alt: "" };
  if (html.startsWith("<!--", at)) {
    const close = html.indexOf("-->", at + 4);
    return { ...nothing, end: close === -1 ? html.length : close + 3 };
  }
  const isEnd = html.charAt(at + 1) === "/";
  if (!isEnd && !isLetter(html.charCodeAt(at + 1))) return { ...nothing, end: at + 1 };
  const { name, attributes, end } = readTag(html, at + (isEnd ? 2 : 1));
  if (isEnd) return { ...nothing, closes: name === "a", end };
  const href = name === "a" || name === "area" ? attributes.get("href") : undefined;
  return { opens: href ?? null, closes: false, alt: name === "img" ? (attributes.get("alt") ?? "").slice(0, LENGTH) : "", end };
}

function linkOf(text: string, href: string): Link {
  const url = URL.parse(href.trim());
  return { text, href: url?.href ?? href, differs: url !== null && namesAnother(reveal(text).text, url) };
}

const WORDS = 100;

function namesAnother(text: string, url: URL): boolean {
  const words = text.split(/[\s<>()[\]{}"',;|\u201c\u201d\u2018\u2019\u00ab\u00bb]/).slice(0, WORDS);
  return words.some((word) => word.includes("@") ? isOtherAddress(word, url) : isOtherHost(word, url)); // prettier-ignore
}

function isOtherAddress(word: string, url: URL): boolean {
  const address = foldAddress(trimmed(word).replace(/^mailto:/i, ""));
  if (address === null) return isOtherHost(word.slice(word.lastIndexOf("@") + 1), url);
  return url.protocol === "mailto:" ? address !== foldAddress(decoded(url.pathname)) : true;
}

function isOtherHost(word: string, url: URL): boolean {
  const host = hostOf(trimmed(word));
  return host !== null && host !== bare(url.protocol === "mailto:" ? (foldDomain(domainOf(decoded(url.pathname))) ?? "") : url.hostname);
}

/** Last labels that are endings of files and of no host name. */
const FILES = new Set("pdf doc docx xls xlsx ppt pptx txt csv png jpg jpeg gif svg htm html json xml js log eml".split(" "));

/** The host that a word shows, without `www.`; null when it shows none. */
function hostOf(word: string): string | null {
  const [, scheme, name = ""] = /^([a-z][a-z0-9+.-]{0,9}:[/\\]{0,2})?([^/?#:\\]{1,253})/i.exec(word) ?? [];
  const folded = foldDomain(name.replace(/[\u3002\uff0e\uff61]/g, "."));
  const last = folded?.split(".").at(-1) ?? "";
  if (folded === null || !folded.includes(".") || !/^[a-z]{2}/.test(last)) return null;
  return scheme === undefined && FILES.has(last) ? null : bare(folded);
}

/** Punctuation of the sentence around a word. */
function trimmed(word: string): string {
  return word.replace(/^[.:!?*_]{1,9}|[.:!?*_]{1,9}$/g, "");
}

function bare(host: string): string {
  return host.startsWith("www.") ? host.slice(4) : host;
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
