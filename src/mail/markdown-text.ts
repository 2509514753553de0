import type { MarkedToken, Token, Tokens } from "marked";
import { isSameLink, linkTarget } from "./markdown-link.ts";
import { boxWords, deeper, joined, plain, splitBox, wordsOf } from "./markdown-words.ts";

/** Tokens as plain text that reads well by itself: links as `text (target)`, emphasis without marks. */
export function formatText(tokens: readonly Token[]): string {
  const text = blocks(tokens, 0, "\n\n");
  return text === "" ? "" : `${text}\n`;
}

function blocks(tokens: readonly Token[], depth: number, separator: string): string {
  const rendered = tokens.map((token) => block(token as MarkedToken, deeper(depth)));
  return joined(
    rendered.filter((text) => text !== ""),
    separator,
  );
}

function block(token: MarkedToken, depth: number): string {
  switch (token.type) {
    case "space":
    case "def":
      return "";
    case "heading":
      return heading(inline(token.tokens, depth), token.depth);
    case "paragraph":
      return inline(token.tokens, depth);
    case "code":
      return prefixed(plain(token.text), "    ");
    case "blockquote":
      return prefixed(blocks(token.tokens, depth, "\n\n"), "> ");
    case "list":
      return list(token, depth);
    case "table":
      return table(token, depth);
    case "hr":
      return "-".repeat(40);
    case "text":
      return token.tokens === undefined ? wordsOf(token) : inline(token.tokens, depth);
    default:
      return inline([token], depth);
  }
}

const UNDERLINES: Readonly<Record<number, string>> = { 1: "=", 2: "-" };
const UNDERLINE_LENGTH = 70;

function heading(words: string, level: number): string {
  const underline = UNDERLINES[level];
  return underline === undefined ? words : `${words}\n${underline.repeat(Math.min(UNDERLINE_LENGTH, Math.max(1, words.length)))}`;
}

function list({ ordered, start, items, loose }: Tokens.List, depth: number): string {
  const first = Number(start) || 1;
  const rendered = items.map((item, index) => {
    const marker = ordered ? `${first + index}. ` : "- ";
    const { box, tokens } = splitBox(item);
    const text = box + blocks(tokens, depth, item.loose ? "\n\n" : "\n");
    return marker + prefixed(text, " ".repeat(marker.length)).slice(marker.length);
  });
  return joined(rendered, loose ? "\n\n" : "\n");
}

/** Rows as lines, cells parted by bars: exact columns would not survive a reader's proportional font. */
function table({ header, rows }: Tokens.Table, depth: number): string {
  const row = (cells: readonly Tokens.TableCell[]): string => cells.map((cell) => inline(cell.tokens, depth)).join(" | ");
  const titles = row(header);
  return joined([titles, "-".repeat(Math.min(UNDERLINE_LENGTH, Math.max(3, titles.length))), ...rows.map(row)], "\n");
}

/** Every line with the prefix; of an empty one only what is visible. */
function prefixed(text: string, prefix: string): string {
  return joined(
    text.split("\n").map((line) => (line === "" ? prefix.trimEnd() : prefix + line)),
    "\n",
  );
}

function inline(tokens: readonly Token[], depth: number, inLink = false): string {
  const level = deeper(depth);
  return joined(tokens.map((token) => span(token as MarkedToken, level, inLink)));
}

function span(token: MarkedToken, depth: number, inLink: boolean): string {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return inline(token.tokens, depth, inLink);
    case "br":
      return "\n";
    case "checkbox":
      return boxWords(token);
    case "link":
      return link(token.href, inline(token.tokens, depth, true), inLink);
    case "image":
      return link(token.href, wordsOf(token) || token.href, inLink);
    case "text":
      return token.tokens === undefined ? wordsOf(token) : inline(token.tokens, depth, inLink);
    default:
      return wordsOf(token);
  }
}

function link(href: string, words: string, inLink: boolean): string {
  const target = inLink ? null : linkTarget(href);
  if (target === null) return words;
  return isSameLink(words, target) ? words : `${words} (${target})`;
}
