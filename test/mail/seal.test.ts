import { authenticate } from "mailauth";
import { describe, expect, it } from "vitest";
import { relaxedBodyHash } from "../../src/mail/dkim-sign.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import { authenticateBytes } from "../../src/mail/read.ts";
import { PosternError } from "../../src/model/errors.ts";
import { sealMail } from "../../src/mail/seal.ts";
import { compose, header } from "./drafts.ts";
import { cpuOf } from "./letters.ts";
import { LETTER, NOON, seal, sealed, ZONE } from "./sealed.ts";

const resolver = createZoneResolver(ZONE);
const envelope = { ip: "192.0.2.1", helo: "mx.acme.example", sender: "assistant@acme.example", recipient: "boss@partner.example" };

async function dkimOf(raw: Buffer): Promise<{ result: string; comment: string | undefined }> {
  const { dkim } = await authenticate(raw, { ...envelope, mta: "mx.partner.example", resolver: resolver as never, strict: true });
  const [first] = dkim.results;
  return { result: first?.status.result ?? "absent", comment: first?.status.comment };
}

/** Without the line end of the line that is replaced. */
const edit = (raw: Buffer, from: string, to: string): Buffer => {
  const text = raw.toString("latin1");
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to), "latin1");
};
const prepend = (raw: Buffer, field: string): Buffer => Buffer.concat([Buffer.from(`${field}\r\n`), raw]);

describe("sealed mail", () => {
  it("DESIGN §4.5 is the approved bytes behind Date, identity, disclosure, and DKIM on top", () => {
    const { mime } = compose(LETTER);
    const raw = sealed();
    expect(raw.subarray(-mime.length).equals(mime)).toBe(true);
    const front = raw.subarray(0, -mime.length).toString();
    expect(front.endsWith("\r\n")).toBe(true);
    const names = front.split("\r\n").filter((line) => line !== "" && !line.startsWith(" "));
    expect(names.map((line) => line.split(":")[0])).toEqual(["DKIM-Signature", "Date", "Postern-Identity", "AI-Disclosure"]);
    expect(front).toContain("Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n");
    expect(raw.toString("latin1").split("\r\n").every((line) => line.length <= 76)).toBe(true); // prettier-ignore
    expect(raw.toString()).not.toContain("hidden");
  });

  it("PB-01 verifies with a library that did not sign it", async () => {
    expect(await dkimOf(sealed())).toEqual({ result: "pass", comment: undefined });
  });

  it("PB-01 verifies at our own gate: DKIM, alignment and sender", async () => {
    const found = await authenticateBytes(sealed(), envelope, { resolver, now: Date.now });
    expect(found).toMatchObject({
      identity: { kind: "sender", address: "assistant@acme.example", verified: true },
      verification: { spf: "pass", dkim: "pass", dmarc: "pass", from_alignment: { spf: true, dkim: true } },
      rfc_message_id: "drf_0123456789abcdef.1@acme.example",
      automatic: false,
    });
  });

  it.each(["", " ", "a", "\r\n", "a\r\n\r\n\r\n", " a \t b \r\n\t\r\nc  ", "a\r\n \r\n b"])(
    "signs the body %j as others read it",
    async (body) => {
      const mime = Buffer.concat([
        Buffer.from("From: assistant@acme.example\r\nTo: a@b.example\r\nMessage-ID: <a@b>\r\n\r\n"),
        Buffer.from(body),
      ]);
      expect((await dkimOf(sealMail(mime, seal()))).result).toBe("pass");
      expect(relaxedBodyHash(Buffer.from(body))).toHaveLength(32);
    },
  );

  it("survives what relays do to white space and folding", async () => {
    const refolded = edit(sealed(), "To: Boss <boss@partner.example>, ", "To:   Boss\r\n\t<boss@partner.example>,  ");
    expect((await dkimOf(refolded)).result).toBe("pass");
    expect((await dkimOf(Buffer.concat([sealed(), Buffer.from("\r\n\r\n")]))).result).toBe("pass");
  });

  it.each([
    "From: boss@acme.example",
    "To: other@partner.example",
    "Cc: other@partner.example",
    "Subject: other",
    "Date: Sat, 21 Nov 2026 13:00:00 +0000",
    "Message-ID: <other@acme.example>",
    "In-Reply-To: <other@acme.example>",
    "References: <other@acme.example>",
    "Reply-To: evil@evil.example",
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    "Content-Type: text/html",
    "Content-Transfer-Encoding: base64",
    "Postern-Identity: x",
    "X-MultiMail-Identity: x",
    "AI-Disclosure: mode=none",
  ])("oversigned: one more `%s` breaks it", async (field) => {
    expect((await dkimOf(prepend(sealed(), field))).result).not.toBe("pass");
  });

  it.each([
    ["subject", "Subject: Zahlen", "Subject: Zahlung"],
    ["body", "ear boss", "ear loss"],
    ["disclosure", "mode=ai-originated", "mode=none"],
    ["date", "12:00:00 +0000", "12:00:01 +0000"],
  ])("a changed %s breaks it", async (_, from, to) => {
    expect((await dkimOf(edit(sealed(), from, to))).result).not.toBe("pass");
  });

  it("mail that is not ours to seal, and a domain that would end its tag, are faults", () => {
    expect(() => sealMail(Buffer.from("Subject: no sender\r\n\r\nhello"), seal())).toThrow(PosternError);
    const dkim = { ...seal().dkim, domain: "acme.example; d=evil.example" };
    expect(() => sealed({ dkim })).toThrow(TypeError);
  });

  it("10 MiB of attachments are sealed within two seconds of processor time", async () => {
    const content = Buffer.alloc(10 * 1024 * 1024, 7).toString("base64");
    const composed = compose({ attachments: [{ filename: "a.bin", content_type: "application/octet-stream", content }] });
    expect(await cpuOf(() => sealed({}, composed))).toBeLessThan(2_000);
  });
});

describe("the disclosure", () => {
  const disclosureOf = (raw: Buffer): string | undefined =>
    /AI-Disclosure: ((?:.|\r\n )*)\r\n/.exec(header(raw))?.[1]?.replaceAll("\r\n", "");
  const seconds = NOON / 1000;

  it("X-26 says whether people reviewed these bytes, and on whose behalf", () => {
    expect(disclosureOf(sealed())).toBe(`mode=ai-originated, reviewed-by="Acme", date=@${seconds}`);
    expect(disclosureOf(sealed({ reviewed: false }))).toBe(`mode=machine-generated, date=@${seconds}`);
  });

  it.each([
    ['Ac"me\\', '"Ac\\"me\\\\"'],
    ["Äcme", '"operator"'],
    ["", '"operator"'],
    ["A".repeat(100), '"operator"'],
    ["a\r\nBcc: x", '"operator"'],
  ])("X-26 the operator %j stands as %s", (operator, expected) => {
    const raw = sealed({ identity: { ...seal().identity, operator } });
    expect(disclosureOf(raw)).toContain(`reviewed-by=${expected},`);
    expect(header(raw)).not.toContain("\r\nBcc");
  });
});
