import type { MarkedToken, Token, Tokens } from "marked";
import { linkTarget } from "./markdown-link.ts";
import { boxWords, deeper, joined, plain, splitBox, wordsOf } from "./markdown-words.ts";

/** Tokens as an HTML document. INVARIANT: every tag and attribute in it is written in this file; text is escaped. */
export function formatHtml(tokens: readonly Token[]): string {
  return `<!doctype html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n${blocks(tokens, 0)}</body>\n</html>\n`;
}

function blocks(tokens: readonly Token[], depth: number): string {
  return joined(tokens.map((token) => block(token as MarkedToken, deeper(depth))));
}

function block(token: MarkedToken, depth: number): string {
  switch (token.type) {
    case "space":
    case "def":
      return "";
    case "heading":
      return `<h${token.depth}>${inline(token.tokens, depth)}</h${token.depth}>\n`;
    case "paragraph":
      return `<p>${inline(token.tokens, depth)}</p>\n`;
    case "code":
      return `<pre><code>${escape(plain(token.text))}\n</code></pre>\n`;
    case "blockquote":
      return `<blockquote>\n${blocks(token.tokens, depth)}</blockquote>\n`;
    case "list":
      return list(token, depth);
    case "table":
      return table(token, depth);
    case "hr":
      return "<hr>\n";
    case "text":
      // Of a list item without paragraphs.
      return `${token.tokens === undefined ? escape(wordsOf(token)) : inline(token.tokens, depth)}\n`;
    default:
      return inline([token], depth);
  }
}

function list({ ordered, start, items }: Tokens.List, depth: number): string {
  const tag = ordered ? "ol" : "ul";
  const first = ordered && start !== "" && start !== 1 ? ` start="${Number(start)}"` : "";
  return `<${tag}${first}>\n${joined(items.map((item) => listItem(item, depth)))}</${tag}>\n`;
}

function listItem(item: Tokens.ListItem, depth: number): string {
  const { box, tokens } = splitBox(item);
  return `<li>${box}${blocks(tokens, depth)}</li>\n`;
}

const TABLE = '<table border="1" cellpadding="4" style="border-collapse:collapse">';

function table({ header, rows }: Tokens.Table, depth: number): string {
  const body = rows.map((row) => `<tr>${row.map((cell) => tableCell("td", cell, depth)).join("")}</tr>\n`);
  return `${TABLE}\n<tr>${header.map((cell) => tableCell("th", cell, depth)).join("")}</tr>\n${joined(body)}</table>\n`;
}

function tableCell(tag: "th" | "td", { tokens, align }: Tokens.TableCell, depth: number): string {
  return `<${tag}${align === null ? "" : ` align="${align}"`}>${inline(tokens, depth)}</${tag}>`;
}

function inline(tokens: readonly Token[], depth: number, inLink = false): string {
  const level = deeper(depth);
  return joined(tokens.map((token) => span(token as MarkedToken, level, inLink)));
}

function span(token: MarkedToken, depth: number, inLink: boolean): string {
  switch (token.type) {
    case "strong":
      return `<strong>${inline(token.tokens, depth, inLink)}</strong>`;
    case "em":
      return `<em>${inline(token.tokens, depth, inLink)}</em>`;
    case "del":
      return `<del>${inline(token.tokens, depth, inLink)}</del>`;
    case "codespan":
      return `<code>${escape(wordsOf(token))}</code>`;
    case "br":
      return "<br>\n";
    case "checkbox":
      return boxWords(token);
    case "link":
      return link(token.href, inline(token.tokens, depth, true), inLink);
    case "image":
      // Nothing is loaded from elsewhere: an image is a link to itself.
      return link(token.href, escape(wordsOf(token) || token.href), inLink);
    case "text":
      return token.tokens === undefined ? escape(wordsOf(token)) : inline(token.tokens, depth, inLink);
    default:
      return escape(wordsOf(token));
  }
}

function link(href: string, words: string, inLink: boolean): string {
  const target = inLink ? null : linkTarget(href);
  return target === null ? words : `<a href="${escape(target)}">${words}</a>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
