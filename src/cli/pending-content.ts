import type { Colour, Session } from "./session.ts";
import { fold, printable, printableLines } from "./text.ts";

/** What mail says, as the HTTP door shows it to those who decide: every character without a shape is spelled out. */
export interface Content {
  readonly subject: string;
  readonly text: string;
  readonly html_text: string | null;
  readonly links: readonly { readonly text: string; readonly href: string; readonly differs: boolean }[];
  readonly hidden: readonly string[];
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  }[];
  readonly truncated: boolean;
}

type Look = Pick<Session, "cells" | "paint">;

/** Null: the bytes are gone. */
export function contentSections(look: Look, content: Content | null): string[] {
  if (content === null) return ["", look.paint("red", "(the content is no longer kept)")];
  const { text, html_text, hidden, links, attachments, truncated } = content;
  return [
    ...section(look, "Text", text),
    ...(html_text === null || sameWords(html_text, text) ? [] : section(look, "Text of the HTML part", html_text)),
    ...(hidden.length === 0 ? [] : section(look, "Hidden: a reader of the mail would not see this", hidden.join("\n"), "red")),
    ...(truncated ? ["", look.paint("red", "(longer than what is shown)")] : []),
    ...linkSection(look, links),
    ...attachmentSection(look, attachments),
  ];
}

/** A heading of ours and lines of somebody else's. */
export function section(look: Look, title: string, text: string, colour: Colour = "bold"): string[] {
  return ["", look.paint(colour, title), ...quoted(look, text)];
}

/**
 * Behind a bar, cut to the width. INVARIANT: no line of what strangers and agents wrote begins where ours begin, or an agent
 * could write its own `approved by`.
 */
export function quoted({ cells }: Pick<Look, "cells">, text: string, bar = "│ "): string[] {
  const lines = printableLines(text).trimEnd().replaceAll("\t", "    ").split("\n");
  return lines.flatMap((line) => (cells === null ? [line] : fold(line, cells - 4))).map((line) => `  ${bar}${line}`.trimEnd());
}

/** Both parts of a mail say the same in other lines, with the targets of links in other brackets. */
function sameWords(first: string, second: string): boolean {
  const [one, other] = [first, second].map((text) =>
    text
      .replace(/[[\]()]/g, "")
      .replace(/\s+/g, " ")
      .trim(),
  );
  return one === other;
}

function linkSection(look: Look, links: Content["links"]): string[] {
  if (links.length === 0) return [];
  const lines = links.flatMap(({ text, href, differs }) => {
    const shown = [...quoted(look, oneLine(text)), ...quoted(look, oneLine(href), "→ ")];
    return differs ? [...shown, look.paint("red", "    the text names another place")] : shown;
  });
  return ["", look.paint("bold", "Links"), ...lines];
}

function attachmentSection(look: Look, attachments: Content["attachments"]): string[] {
  if (attachments.length === 0) return [];
  const lines = attachments.flatMap(({ filename, content_type, size, sha256 }) => [
    ...quoted(look, oneLine(`${filename ?? "unnamed"} (${content_type}, ${size} bytes)`)),
    ...quoted(look, `sha256 ${sha256}`, "  "),
  ]);
  return ["", look.paint("bold", "Attachments"), ...lines];
}

function oneLine(text: string): string {
  return printable(text);
}
