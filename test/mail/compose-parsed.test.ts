import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeParsed, type ParsedMessage } from "../../src/mail/compose-parsed.ts";
import { readHeader, valuesOf } from "../../src/mail/header.ts";
import { createIntakeScanner } from "../../src/mail/limits.ts";
import { isViolation } from "../../src/mail/parse.ts";
import { openMail, viewMail } from "../../src/mail/read.ts";

const PLAIN: ParsedMessage = {
  from: "ann@forum.example",
  to: ["assistant@agents.example"],
  cc: [],
  subject: "A question",
  text: "How are you?",
  html: null,
  headers: {},
  message_id: null,
  in_reply_to: null,
  date: null,
  attachments: [],
};

function composed(more: Partial<ParsedMessage> = {}): Buffer {
  const made = composeParsed({ ...PLAIN, ...more }, null);
  if ("invalid" in made) throw new Error(JSON.stringify(made.invalid));
  return made.mime;
}

async function seen(more: Partial<ParsedMessage>) {
  const mail = await openMail(composed(more));
  if (isViolation(mail)) throw new Error(mail.limit);
  return { view: viewMail(mail), mail };
}

const text = fc.string({ unit: "binary", maxLength: 200 }).filter((value) => value.isWellFormed() && !value.includes("\0"));
const line = text.filter((value) => !/[\p{Cc}\u2028\u2029]/u.test(value));
const anyParts: fc.Arbitrary<Partial<ParsedMessage>> = fc.record({
  subject: line,
  text,
  html: fc.option(text, { nil: null }),
  headers: fc.dictionary(fc.stringMatching(/^X-[A-Za-z0-9]{1,20}$/), line, { maxKeys: 5 }).filter(hasNoTwins),
  date: fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 }), { nil: null }),
  attachments: fc.array(
    fc.record({
      filename: line,
      content_type: fc.constant("application/pdf"),
      content: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString("base64")),
    }),
    { maxLength: 3 },
  ),
});

function hasNoTwins(headers: Record<string, string>): boolean {
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  return new Set(names).size === names.length;
}

describe("PB-08 a message that came as parts", () => {
  it("reads back as it was named", async () => {
    const { view, mail } = await seen({
      from: "Ann Äöü <ann@forum.example>",
      cc: ["Bob <bob@forum.example>"],
      subject: "Grüße, 你好",
      text: "Hello\nworld ✓",
      html: "<p>Hello <b>world</b></p>",
      headers: { "Auto-Submitted": "auto-generated", References: "<a@b.example>" },
      message_id: "<q1@forum.example>",
      in_reply_to: "a0@b.example",
      date: Date.parse("2026-11-20T10:00:00Z"),
      attachments: [{ filename: "plän.pdf", content_type: "Application/PDF", content: Buffer.from("%PDF").toString("base64") }],
    });
    expect(view).toMatchObject({
      from: "ann@forum.example",
      to: ["assistant@agents.example"],
      cc: ["bob@forum.example"],
      subject: "Grüße, 你好",
      date: "2026-11-20T10:00:00.000Z",
      text: expect.stringMatching(/^Hello\r?\nworld ✓/),
      html_text: expect.stringContaining("Hello world"),
      attachments: [
        { filename: "plän.pdf", content_type: "application/pdf", size: 4, sha256: createHash("sha256").update("%PDF").digest("hex") },
      ],
    });
    const value = (name: string) => valuesOf(mail.header.fields, name).map((each) => each.trim());
    expect(["postern-source", "message-id", "in-reply-to", "references", "auto-submitted"].map(value)).toEqual([
      ["parsed"],
      ["<q1@forum.example>"],
      ["<a0@b.example>"],
      ["<a@b.example>"],
      ["auto-generated"],
    ]);
  });

  it("the same parts are the same bytes, in whatever order the headers are named; other parts are others", () => {
    const headers = { "X-A": "1", "X-B": "2", "List-Id": "<l.example>" };
    const other = Object.fromEntries(Object.entries(headers).toReversed());
    expect(composed({ headers })).toEqual(composed({ headers: other }));
    expect(composed({ headers })).not.toEqual(composed({ headers: { ...headers, "X-B": "3" } }));
  });

  it("what is attested stands in its bytes, and makes it another message", () => {
    const verification = { spf: "none", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: false, dkim: true } } as const;
    const made = composeParsed(PLAIN, verification);
    if ("invalid" in made) throw new Error("invalid");
    const [source = ""] = valuesOf(readHeader(made.mime).fields, "postern-source");
    expect(source.replaceAll(/\s+/g, " ").trim()).toBe(
      "parsed; attested spf=none dkim=pass dmarc=pass arc=none aligned-spf=false aligned-dkim=true",
    );
    expect(made.mime).not.toEqual(composed());
  });

  it("whatever the parts hold: within the limits of mail, one From, no field that was not named, and stable", async () => {
    await fc.assert(
      fc.asyncProperty(anyParts, async (parts) => {
        const bytes = composed(parts);
        expect(bytes).toEqual(composed(structuredClone(parts)));
        expect(/^[\x09\x0a\x0d\x20-\x7e]*$/.test(bytes.toString("latin1"))).toBe(true);
        const scanner = createIntakeScanner();
        scanner.write(bytes);
        expect([scanner.end(), scanner.longLines()]).toEqual([null, 0]);
        const allowed = ["postern-source", "from", "to", "subject", "date", "mime-version", "content-type", "content-transfer-encoding"];
        const names = readHeader(bytes).fields.map(({ name }) => name);
        const named = Object.keys(parts.headers ?? {}).map((name) => name.toLowerCase());
        expect(names.filter((name) => !allowed.includes(name)).toSorted()).toEqual(named.toSorted());
        expect(names.filter((name) => name === "from")).toHaveLength(1);
      }),
      { numRuns: 200 },
    );
  });

  it("HTML alone is not hidden behind an empty text", async () => {
    const { view } = await seen({ text: "", html: "<p>Only here</p>" });
    expect(view.text).toContain("Only here");
  });

  it("lists what is wrong, in its place", () => {
    const made = composeParsed({ ...PLAIN, from: "nobody", to: ["x"], subject: "a\nb", message_id: "no id" }, null);
    expect("invalid" in made && made.invalid.map(({ path }) => path).toSorted()).toEqual(["from", "message_id", "subject", "to[0]"]);
  });
});
