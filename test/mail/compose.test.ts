import { createHash } from "node:crypto";
import fc from "fast-check";
import { simpleParser, type AddressObject } from "mailparser";
import { describe, expect, it } from "vitest";
import { foldAddress } from "../../src/mail/address.ts";
import { composeMail } from "../../src/mail/compose.ts";
import { DENIED_EXTENSIONS } from "../../src/mail/compose-attachments.ts";
import { inspectBytes } from "../../src/mail/read.ts";
import { PosternError } from "../../src/model/errors.ts";
import { SUBMISSION_LIMITS } from "../../src/model/outbound.ts";
import { compose, FRAME, header, problemsOf, read, submission } from "./drafts.ts";

const base64 = (content: string | Buffer): string => Buffer.from(content).toString("base64");
const file = (changes: object = {}) => ({ filename: "a.txt", content_type: "text/plain", content: base64("hi"), ...changes });
const fieldsOf = (mime: Buffer): string[] => header(mime).replaceAll("\r\n ", " ").split("\r\n");
const fieldOf = (mime: Buffer, name: string): string | undefined =>
  fieldsOf(mime)
    .find((field) => field.startsWith(`${name}: `))
    ?.slice(name.length + 2);

describe("the frozen mail", () => {
  it("MM-08 MB-13 has the mailbox as From, no Bcc, no Date, one Message-ID, and both readings of the Markdown", async () => {
    const { mime, recipients, subject } = compose({
      to: ["Boss <boss@partner.example>"],
      cc: ["team@partner.example"],
      bcc: ["secret@partner.example"],
      subject: "Zahlen für März",
      markdown: "**42** of [them](https://partner.example/a?b=1&c=2)",
    });
    expect(fieldsOf(mime).map((field) => field.split(":")[0])).toEqual([
      "From",
      "To",
      "Cc",
      "Subject",
      "Message-ID",
      "MIME-Version",
      "Content-Type",
    ]);
    expect(fieldOf(mime, "From")).toBe("assistant@acme.example");
    expect(fieldOf(mime, "Message-ID")).toBe(`<${FRAME.message_id}>`);
    expect(mime.toString()).not.toContain("secret");
    expect(recipients).toEqual([
      { kind: "to", address: "boss@partner.example" },
      { kind: "cc", address: "team@partner.example" },
      { kind: "bcc", address: "secret@partner.example" },
    ]);
    expect(subject).toBe("Zahlen für März");
    const parsed = await read(mime);
    expect(parsed).toMatchObject({ subject, to: ["boss@partner.example"], cc: ["team@partner.example"], attachments: [] });
    expect(parsed.text).toBe("42 of them (https://partner.example/a?b=1&c=2)\n");
    expect(parsed.html).toContain('<a href="https://partner.example/a?b=1&amp;c=2">them</a>');
  });

  it("DESIGN §4.2 is the same bytes for the same input, and other bytes for another seed", () => {
    const draft = { attachments: [file()], subject: "ü", bcc: ["x@y.example"] };
    expect(compose(draft).mime.equals(compose(draft).mime)).toBe(true);
    expect(compose(draft).mime.equals(compose(draft, { seed: "drf_other.1" }).mime)).toBe(false);
    // Whoever changes this hash changes what approvals that are on their way were given for.
    expect(createHash("sha256").update(compose(draft).mime).digest("hex")).toBe(
      "d27580d1c038f74240c08e917842152c613ac747921cdbc837a231d4d69ca524",
    );
  });

  it("the author's own text stands in place of the one rendered", async () => {
    const parsed = await read(compose({ markdown: "**a**", text: "mine\r\nand\rthine" }).mime);
    expect(parsed.text).toBe("mine\nand\nthine");
    expect(parsed.html).toContain("<strong>a</strong>");
  });

  it("a mail to nobody but blind recipients says so", () => {
    expect(fieldOf(compose({ to: [], bcc: ["a@b.example"] }).mime, "To")).toBe("undisclosed-recipients:;");
  });

  it("is 7-bit, in lines of at most 76, and within our own limits, whatever it holds", async () => {
    const draft = {
      subject: "Grüße ".repeat(150),
      markdown: `${"long ".repeat(5_000)}\n\n${"ж".repeat(3_000)}\n\n.\n\nFrom me\n\n    .\n`,
      text: `${"x".repeat(10_000)}\n.\nFrom you   \n\ttab \n`,
      attachments: [file({ filename: `${"ü".repeat(200)}.txt`, content: base64(Buffer.alloc(5_000, 0xff)) })],
      to: Array.from({ length: 40 }, (_, at) => `Überlänge ${"ü".repeat(30)} <a${at}@bücher.example>`),
    };
    const { mime } = compose(draft);
    expect(mime.every((byte) => byte < 0x80 && byte !== 0)).toBe(true);
    const lines = mime.toString("latin1").split("\r\n");
    expect(lines.filter((line) => line.length > 76)).toEqual([]);
    expect(lines.filter((line) => line === "." || line.startsWith("From ") || line.includes("\n") || line.includes("\r"))).toEqual([]);
    expect(await inspectBytes(mime)).toBeNull();
    expect((await read(mime)).text).toBe(draft.text);
  });

  it("an attached message that guessed the boundary does not end the part it is in", async () => {
    const copy = { kind: "copy" } as const;
    const attach = (text: string) => [
      file({ filename: "sent.eml", content_type: "message/rfc822", content: base64(`Subject: inner\r\n\r\n${text}\r\n`) }),
    ];
    const [, guessed] = /boundary="([^"]+)"/.exec(compose({ attachments: attach("-") }, copy).mime.toString()) ?? [];
    const parsed = await read(compose({ attachments: attach(`--${guessed}--`) }, copy).mime);
    expect(parsed.attachments[0]?.message).toMatchObject({ subject: "inner", text: `--${guessed}--\n` });
  });

  it("MM-05 a copy says that it is automatic and may attach more than a draft", () => {
    const large = file({ filename: "sent.eml", content_type: "application/octet-stream", content: base64(Buffer.alloc(11 * 1024 * 1024)) });
    expect(problemsOf({ attachments: [large] })[0]).toMatchObject({ path: "attachments" });
    expect(fieldOf(compose({ attachments: [large] }, { kind: "copy" }).mime, "Auto-Submitted")).toBe("auto-generated");
    expect(fieldOf(compose({ attachments: [] }).mime, "Auto-Submitted")).toBeUndefined();
  });

  it("a source that no door of ours stored is a fault, not the author's mistake", () => {
    for (const source of ["", "null", "{}", JSON.stringify({ ...submission(), to: [1] })])
      expect(() => composeMail(Buffer.from(source), FRAME)).toThrow(PosternError);
  });
});

describe("a reply", () => {
  const reply = (in_reply_to: string, references: readonly string[]) => compose({}, { reply: { in_reply_to, references } }).mime;

  it("MB-15 names the mail it answers and those before it", () => {
    const mime = reply("c@x.example", ["a@x.example", "b@x.example"]);
    expect(fieldOf(mime, "In-Reply-To")).toBe("<c@x.example>");
    expect(fieldOf(mime, "References")).toBe("<a@x.example> <b@x.example> <c@x.example>");
  });

  it("keeps the first and the last of a long thread within 998 characters", () => {
    const ids = Array.from({ length: 100 }, (_, at) => `message-number-${at}@long.example`);
    const references = fieldOf(reply("last@x.example", ids), "References") ?? "";
    expect(references.length).toBeLessThanOrEqual(998);
    expect(references.length).toBeGreaterThan(900);
    const named = references.split(" ");
    expect(named[0]).toBe("<message-number-0@long.example>");
    expect(named.slice(-2)).toEqual(["<message-number-99@long.example>", "<last@x.example>"]);
  });

  it.each(["a b@x", "a\r\nBcc: x@y", "<a@x>", "", "ä@x", `${"a".repeat(600)}@x`])(
    "a stranger's `%s` is not repeated as a Message-ID",
    (id) => {
      const mime = reply(id, [id, "good@x.example"]);
      expect(fieldOf(mime, "In-Reply-To")).toBeUndefined();
      expect(fieldOf(mime, "References")).toBe("<good@x.example>");
      expect(header(mime)).not.toContain("Bcc");
    },
  );
});

describe("recipients", () => {
  it("once each, under the strongest kind, domains as A-labels, spelled as written", () => {
    const { recipients, mime } = compose({
      to: ["Boss@Partner.Example", '"Doe, Jane" <jane@BÜCHER.example>'],
      cc: ["boss@partner.example", "other@partner.example"],
      bcc: ["OTHER@partner.example", '"odd name"@partner.example'],
    });
    expect(recipients).toEqual([
      { kind: "to", address: "Boss@partner.example" },
      { kind: "to", address: "jane@xn--bcher-kva.example" },
      { kind: "cc", address: "other@partner.example" },
      { kind: "bcc", address: '"odd name"@partner.example' },
    ]);
    expect(fieldOf(mime, "To")).toBe('Boss@partner.example, "Doe, Jane" <jane@xn--bcher-kva.example>');
  });

  it.each([
    ["several", "a@b.example, c@d.example", "more than one address"],
    ["a group", "Team: a@b.example;", "is a group"],
    ["no address", "boss", "is not an address"],
    ["an address in a name", "boss@acme.example <a@b.example>", "is not an address"],
    ["two at once", "<any@a.example>b@c.example", "is not an address"],
    ["an address literal", "a@[192.0.2.1]", "is not an address"],
    ["a name that is no whole domain", "boss@acme", "no whole domain"],
    ["UTF-8 before the at", "jürgen@b.example", "not ASCII"],
    ["a comment", "Jane (work) <a@b.example>", "comment"],
    ["a comment after it", "Jane <a@b.example> (work)", "comment"],
    ["a new field", "a@b.example\r\nBcc: c@d.example", "line break"],
    ["a new field in a name", '"a\nBcc: c@d.example" <a@b.example>', "line break"],
    ["a NUL", "a\0@b.example", "NUL"],
    ["a line of Unicode", "a\u2028 <a@b.example>", "line break"],
    ["half a surrogate", "\ud800 <a@b.example>", "Unicode"],
    ["too long a name", `${"n".repeat(129)} <a@b.example>`, "128"],
    ["too long an entry", `${"n".repeat(1_001)} <a@b.example>`, "1000"],
  ])("%s is refused where it stands, with a way out", (_, entry, words) => {
    const [problem, ...rest] = problemsOf({ to: ["ok@b.example"], cc: ["ok2@b.example", entry] });
    expect(rest).toEqual([]);
    expect(problem?.path).toBe("cc[1]");
    expect(problem?.message).toContain(words);
    expect(problem?.message).toContain("; fix: ");
    expect(problem?.message).not.toMatch(/[\r\n\0\u2028]/);
  });

  it("nobody, and more than a hundred, are refused", () => {
    expect(problemsOf({ to: [] })[0]).toMatchObject({ path: "to" });
    const many = Array.from({ length: SUBMISSION_LIMITS.recipients + 1 }, (_, at) => `a${at}@b.example`);
    expect(problemsOf({ bcc: many })[0]?.message).toContain("100 recipients");
    expect(problemsOf({ to: [], bcc: many.slice(1) })).toEqual([]);
  });

  it("names that would make a header nobody takes are refused before that", () => {
    const to = Array.from({ length: 100 }, (_, at) => `${"\u{1f600}".repeat(64)} <a${at}@b.example>`);
    expect(problemsOf({ to })[0]?.message).toContain("KiB");
  });
});

describe("a subject", () => {
  it.each(["a\r\nBcc: x@y.example", "a\nb", "a\0b", "a\u001bb", "a\u2029b", "\udfff", "x".repeat(999)])("%j is refused", (subject) => {
    expect(problemsOf({ subject })).toMatchObject([{ path: "subject", message: expect.stringContaining("; fix: ") as string }]);
  });

  it.each([" spaced ", "a  b", "=?utf-8?q?a?=", "tail =?", "ü".repeat(998), "\u{1f600}".repeat(400), "x".repeat(998), ""])(
    "%.40j comes back as it was written",
    async (subject) => {
      expect((await read(compose({ subject }).mime)).subject).toBe(subject.trim());
    },
  );
});

describe("attachments", () => {
  it("arrive byte for byte under their names", async () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, at) => at % 256));
    const names = ["a.bin", 'q"uote.bin', "100%.bin", "it's.bin", "Übersicht – März.pdf", `${"長".repeat(200)}.txt`, "a;b=c.txt"];
    const { mime } = compose({
      attachments: names.map((filename) => file({ filename, content_type: "application/x-test", content: base64(bytes) })),
    });
    const mail = await simpleParser(mime);
    expect(mail.attachments.map(({ filename }) => filename)).toEqual(names);
    expect(mail.attachments.every(({ content, contentType }) => content.equals(bytes) && contentType === "application/x-test")).toBe(true);
  });

  it.each([
    ["a path", { filename: "../etc/passwd" }, "filename"],
    ["no name", { filename: " " }, "filename"],
    ["a line break", { filename: "a\r\nContent-Type: text/html" }, "filename"],
    ["a name read backwards", { filename: "invoice\u202efdp.exe" }, "filename"],
    ["a program", { filename: "setup.exe" }, "filename"],
    ["a program with dots after it", { filename: "setup.ExE. ." }, "filename"],
    ["a program in wide letters", { filename: "setup．ｅｘｅ" }, "filename"],
    ["a program behind another extension", { filename: "invoice.pdf.js" }, "filename"],
    ["a program in an encoded word", { filename: "=?utf-8?q?setup=2Eexe?= .txt" }, "filename"],
    ["too long a name", { filename: "a".repeat(256) }, "filename"],
    ["no type", { content_type: "text" }, "content_type"],
    ["a type with parameters", { content_type: "text/plain; charset=utf-8" }, "content_type"],
    ["a type with a new field", { content_type: "text/plain\r\nX: y" }, "content_type"],
    ["a program by type", { content_type: "application/x-msdownload" }, "content_type"],
    ["a structure", { content_type: "multipart/mixed" }, "content_type"],
    ["a reference elsewhere", { content_type: "message/external-body" }, "content_type"],
    ["a message in 8 bits", { content_type: "message/rfc822", content: base64("Subject: ü\r\n\r\n") }, "content_type"],
    ["a message with bare line feeds", { content_type: "message/rfc822", content: base64("Subject: a\n\nb") }, "content_type"],
    ["line breaks in base64", { content: "aGVs\r\nbG8=" }, "content"],
    ["base64 without padding", { content: "aGVsbG8" }, "content"],
    ["base64 of the web", { content: "_-8=" }, "content"],
    ["base64 with bits left over", { content: "aGVsbG9=" }, "content"],
  ])("%s is refused where it stands, with a way out", (_, changes, field) => {
    const [problem, ...rest] = problemsOf({ attachments: [file(), file(changes)] });
    expect(rest).toEqual([]);
    expect(problem?.path).toBe(`attachments[1].${field}`);
    expect(problem?.message).toContain("; fix: ");
  });

  it("are bounded in number and size", () => {
    expect(problemsOf({ attachments: Array.from({ length: 21 }, () => file()) })[0]?.message).toContain("20");
    const half = file({ content: base64(Buffer.alloc(SUBMISSION_LIMITS.attachmentBytes / 2 + 1)) });
    expect(problemsOf({ attachments: [half, half] })[0]).toMatchObject({ path: "attachments" });
    expect(problemsOf({ attachments: [half] })).toEqual([]);
  });

  it("every name a click would run is refused by any spelling", () => {
    for (const extension of DENIED_EXTENSIONS)
      expect(problemsOf({ attachments: [file({ filename: `a.${extension.toUpperCase()}` })] })).toHaveLength(1);
  });
});

describe("any Unicode", () => {
  const anyText = fc.string({ unit: "binary", maxLength: 300 }).map((text) => text.toWellFormed().replaceAll("\0", ""));
  const controls = /[\p{Cc}\u2028\u2029]/gu;
  const line = anyText.map((text) => text.replace(controls, " ").trim());
  const domain = fc.constantFrom("acme.example", "bücher.example", "xn--bcher-kva.example");
  const local = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}$/);
  const name = line.map((text) => text.slice(0, 60).toWellFormed().replace(/["\\]/g, "").trim());
  const person = fc.record({ name, local, domain });
  const attachment = fc.record({
    name: line.map(
      (text) =>
        `${text
          .replace(/[/\\:\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/gu, "")
          .slice(0, 100)
          .toWellFormed()}.pdf`,
    ),
    bytes: fc.uint8Array({ maxLength: 500 }),
  });

  it("MM-08 in subject, texts, names and files is read back as it was written", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          subject: line,
          text: anyText,
          people: fc.array(person, { minLength: 1, maxLength: 4 }),
          files: fc.array(attachment, { maxLength: 3 }),
        }),
        async ({ subject, text, people, files }) => {
          const { mime, recipients } = compose({
            subject,
            text,
            to: people.map((one) => `"${one.name}" <${one.local}@${one.domain}>`),
            attachments: files.map((one) =>
              file({ filename: one.name, content_type: "application/pdf", content: base64(Buffer.from(one.bytes)) }),
            ),
          });
          const mail = await simpleParser(mime, { skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, keepCidLinks: true });
          expect(mail.subject ?? "").toBe(subject);
          // To this parser a part without a body is a line end.
          expect(mail.text ?? "").toBe(text.replaceAll("\r\n", "\n").replaceAll("\r", "\n") || "\n");
          const to = (mail.to as AddressObject).value;
          // This parser shows domains as they are written, not as they travel.
          expect(to.map(({ address }) => foldAddress(address ?? ""))).toEqual(recipients.map(({ address }) => foldAddress(address)));
          expect(to[0]?.name).toBe(people[0]?.name);
          expect(mail.attachments.map(({ filename, content }) => ({ filename, bytes: [...content] }))).toEqual(
            files.map((one) => ({ filename: one.name.trim(), bytes: [...one.bytes] })),
          );
          expect(
            mime.equals(
              compose({
                subject,
                text,
                to: people.map((one) => `"${one.name}" <${one.local}@${one.domain}>`),
                attachments: files.map((one) =>
                  file({ filename: one.name, content_type: "application/pdf", content: base64(Buffer.from(one.bytes)) }),
                ),
              }).mime,
            ),
          ).toBe(true);
          expect(mime.toString("latin1")).toMatch(/^(?:[\x01-\x7f]{0,76}\r\n)*$/);
        },
      ),
      { numRuns: 150 },
    );
  });
});
