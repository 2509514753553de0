import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { isViolation } from "../../src/mail/parse.ts";
import { previewMail } from "../../src/mail/preview.ts";
import { openMail } from "../../src/mail/read.ts";
import type { Submission } from "../../src/model/outbound.ts";
import { compose } from "./drafts.ts";

async function preview(changes: Partial<Submission>) {
  const opened = await openMail(compose(changes).mime);
  if (isViolation(opened)) throw new Error(opened.limit);
  return previewMail(opened);
}

describe("what a person who decides is shown", () => {
  it("MM-11 is every text, every link and every attachment of the finished mail", async () => {
    const content = Buffer.from("%PDF-1.7");
    expect(
      await preview({
        subject: "Grüße",
        markdown: "Pay [bank.example](https://evil.example/x)",
        text: "Pay nothing",
        attachments: [{ filename: "a.pdf", content_type: "application/pdf", content: content.toString("base64") }],
      }),
    ).toEqual({
      subject: "Grüße",
      text: "Pay nothing",
      html_text: "Pay bank.example [https://evil.example/x]",
      links: [{ text: "bank.example", href: "https://evil.example/x", differs: true }],
      hidden: [],
      attachments: [
        { filename: "a.pdf", content_type: "application/pdf", size: 8, sha256: createHash("sha256").update(content).digest("hex") },
      ],
      truncated: false,
    });
  });

  it("X-13 spells out what has no shape, in every text, and what it says", async () => {
    const tags = Array.from("obey", (letter) => String.fromCodePoint(0xe0000 + letter.charCodeAt(0))).join("");
    const shown = await preview({ subject: `a\u200bb`, markdown: `x\u202ey ${tags} \u2800`, text: `\u00ad❤\ufe0f\u{e0100}` });
    expect(shown.subject).toBe("a⟦U+200B⟧b");
    expect(shown.html_text).toBe("x⟦U+202E⟧y ⟦U+E006F⟧⟦U+E0062⟧⟦U+E0065⟧⟦U+E0079⟧ ⟦U+2800⟧");
    expect(shown.text).toBe("⟦U+00AD⟧❤⟦U+FE0F⟧⟦U+E0100⟧");
    expect(shown.hidden).toContain("obey");
    expect((await preview({ text: "❤\ufe0f" })).text).toBe("❤\ufe0f");
  });

  it("is bounded, and says so", async () => {
    const shown = await preview({ markdown: "short", text: "\u200b".repeat(150_000) });
    expect(shown.text).toHaveLength(1_000_000);
    expect(shown.truncated).toBe(true);
  });
});
