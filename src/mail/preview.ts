import type { DraftPreview } from "./composer.ts";
import { readLinks } from "./links.ts";
import type { OpenedMail } from "./read.ts";
import type { ParsedMail } from "./parse.ts";
import { wellFormed } from "./wellformed.ts";

/** Characters shown of a text. */
const SHOWN = 1_000_000;

/**
 * What a person who decides is shown of finished mail: every text, what is not seen spelled out, where links go. Without
 * findings, which are another layer's.
 */
export function previewMail({ parsed, views }: OpenedMail): Omit<DraftPreview, "redacted"> {
  const { written } = views;
  const [subject, text, html] = [written.subject, written.text, written.html].map(spellOut) as [string, string, string];
  const hidden = views.hidden.slice(0, STRETCHES).map(spellOut);
  return {
    subject,
    text,
    html_text: html === "" ? null : html,
    links: readLinks(parsed.html ?? "").map((link) => ({ ...link, text: spellOut(link.text) })),
    hidden,
    attachments: parsed.attachments.map(attachmentOf),
    truncated: [text, html, ...hidden].some((each) => each.length >= SHOWN) || views.hidden.length > STRETCHES,
  };
}

/** Hidden stretches shown. */
const STRETCHES = 1_000;

function attachmentOf({ filename, content_type, size, sha256 }: ParsedMail["attachments"][number]): DraftPreview["attachments"][number] {
  return { filename: filename === null ? null : spellOut(filename), content_type: spellOut(content_type), size, sha256 };
}

// One class, so linear; bounded like its like in `invisible.ts`.
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb\0-\x08\x0b-\x1f\x7f-\x9f]{1,65536}/gu;

/** With every character that has no shape as `⟦U+200B⟧`. One selector alone chooses the look of an emoji, and stays. */
export function spellOut(text: string): string {
  return wellFormed(wellFormed(text, SHOWN).replace(UNSEEN, spelled), SHOWN);
}

function spelled(run: string): string {
  if (run === "\ufe0e" || run === "\ufe0f") return run;
  return Array.from(run, (character) => `⟦U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟧`).join("");
}
