import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAIL_LIMITS } from "../../src/mail/limits.ts";
import { isViolation, parseMail } from "../../src/mail/parse.ts";
import { openMail } from "../../src/mail/read.ts";
import { cpuOf, letter, opened, refusedFor } from "./letters.ts";

const HEAD = ["From: a@b.example", "To: c@d.example", "MIME-Version: 1.0"];

function multipart(parts: readonly string[], type = "mixed"): Buffer {
  return letter(...HEAD, `Content-Type: multipart/${type}; boundary=b`, "", ...parts.flatMap((part) => ["--b", part]), "--b--");
}

/** `levels` multiparts, each in the one before, with a text inside. */
function nestedMultiparts(levels: number): Buffer {
  const lines = Array.from({ length: levels }, (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}`);
  return letter(...HEAD, ...lines, "", "hello");
}

/** `levels` messages, each attached to the one before. */
function nestedMessages(levels: number, content = "hello"): Buffer {
  return letter(...Array<string>(levels).fill("From: a@b.example\r\nContent-Type: message/rfc822\r\n"), "Subject: inner", "", content);
}

describe("a message of parts", () => {
  it("keeps plain and HTML text, attachments and addresses apart", async () => {
    const raw = letter(
      ...HEAD,
      "Cc: Team: e@f.example, G <g@h.example>;",
      "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "--b",
      "Content-Type: multipart/alternative; boundary=c",
      "",
      "--c",
      "Content-Type: text/plain; charset=iso-8859-1",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=FC=DFe",
      "--c",
      "Content-Type: text/html; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
      Buffer.from("<p>Grüße</p>").toString("base64"),
      "--c--",
      "--b",
      'Content-Type: text/csv; charset=utf-16le; name="a.csv"',
      "Content-Transfer-Encoding: base64",
      "Content-Disposition: attachment; filename*=utf-8''%C3%A4.csv",
      "",
      Buffer.from("ä;b", "utf16le").toString("base64"),
      "--b--",
    );
    const { parsed } = await opened(raw);
    expect(parsed).toMatchObject({
      subject: "Grüße",
      text: "Grüße",
      html: "<p>Grüße</p>",
      to: ["c@d.example"],
      cc: ["e@f.example", "g@h.example"],
      attachments: [{ filename: "ä.csv", content_type: "text/csv", size: 6, text: "ä;b", message: null }],
    });
  });

  it("opens attached messages, whatever their disposition and encoding", async () => {
    const inner = "Subject: inner\r\n\r\nhello inside\r\n";
    const parts = [
      `Content-Type: message/rfc822\r\n\r\n${inner}`,
      `Content-Type: message/rfc822\r\nContent-Disposition: inline\r\n\r\n${inner}`,
      `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(inner).toString("base64")}`,
    ];
    const { parsed, views } = await opened(multipart(parts));
    expect(parsed.attachments.map((attachment) => attachment.message?.subject)).toEqual(["inner", "inner", "inner"]);
    expect(views.text).toBe("");
    expect(views.written.attachments.filter((text) => text.includes("hello inside"))).toHaveLength(3);
  });

  it.each([
    ["UTF-8", Buffer.from("Grüße\r\nfrom here"), "Grüße\nfrom here"],
    ["UTF-16 that says so", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from("Grüße", "utf16le")]), "Grüße"],
    ["UTF-16 the other way round", Buffer.concat([Buffer.from([0xfe, 0xff]), Buffer.from("Grüße", "utf16le").swap16()]), "Grüße"],
    ["text with a NUL", Buffer.from("a\0b"), null],
    ["bytes that are no text", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]), null],
    ["nothing", Buffer.alloc(0), null],
  ])("X-11 reads an attachment by its bytes where its type says nothing: %s", async (_, bytes, text) => {
    const part = `Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    const { parsed } = await opened(multipart([part + bytes.toString("base64")]));
    expect(parsed.attachments[0]?.text).toBe(text);
  });

  it("X-11 looks at the first megabyte of such an attachment, wherever that cuts a character", async () => {
    const part = `Content-Type: image/png\r\nContent-Disposition: attachment; filename=a\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    const bytes = Buffer.from(`a${"é".repeat(600_000)}`);
    const { parsed } = await opened(multipart([part + bytes.toString("base64")]));
    expect(parsed.attachments[0]?.text).toBe(`a${"é".repeat(524_287)}`);
  });

  it("does not decode UTF-7, in which text hides from a filter of bytes", async () => {
    const { parsed } = await opened(
      multipart(["Content-Type: text/csv; charset=utf-7\r\nContent-Disposition: attachment\r\n\r\n+ADw-script+AD4-"]),
    );
    expect(parsed.attachments[0]?.text).toBe("+ADw-script+AD4-");
  });

  it("reads what a broken encoding leaves", async () => {
    const { parsed } = await opened(
      multipart([
        "Content-Type: text/csv; charset=nonsense\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n!!!aGVsbG8*",
      ]),
    );
    expect(parsed.attachments[0]?.text).toContain("hello");
  });
});

describe("limits of the structure", () => {
  it("accepts 1,000 parts and refuses 1,001", async () => {
    expect(await refusedFor(multipart(Array<string>(998).fill("\r\nx")))).toBeNull();
    expect(await refusedFor(multipart(Array<string>(1_000).fill("\r\nx")))).toBe("parts");
  });

  it("counts parts over all attached messages", async () => {
    const inner = multipart(Array<string>(400).fill("\r\nx")).toString();
    const attached = `Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(inner).toString("base64")}`;
    expect(await refusedFor(multipart([attached, attached]))).toBeNull();
    expect(await refusedFor(multipart([attached, attached, attached]))).toBe("parts");
  });

  it("accepts 99 nested multiparts and refuses 101 levels", async () => {
    expect(await refusedFor(nestedMultiparts(99))).toBeNull();
    expect(await refusedFor(nestedMultiparts(100))).toBe("depth");
  });

  it("accepts 99 nested messages and refuses 101 levels", async () => {
    expect(await refusedFor(nestedMessages(99))).toBeNull();
    expect(await refusedFor(nestedMessages(100))).toBe("depth");
  });

  it("holds a part's header to 64 KiB, too", async () => {
    const header = "X-A: b\r\n".repeat(9_000);
    expect(await refusedFor(multipart([`${header}\r\nx`]))).toBe("header_bytes");
  });

  it("takes other limits when it is given them", async () => {
    const raw = multipart(["\r\nx", "\r\ny"]);
    expect(await openMail(raw, { ...MAIL_LIMITS, parts: 2 })).toMatchObject({ limit: "parts" });
    expect(await openMail(raw, { ...MAIL_LIMITS, depth: 1 })).toMatchObject({ limit: "depth" });
  });
});

describe("bombs", () => {
  it.each<[string, () => Buffer, string | null]>([
    ["1 MB of folded headers", () => Buffer.from(`References:\r\n${" <a@b.example>\r\n".repeat(65_000)}\r\nx\r\n`), "header_lines"],
    ["1,000 signatures", () => letter(...Array<string>(999).fill("DKIM-Signature: v=1; d=a.example"), "", "x"), "dkim_signatures"],
    ["20,000 parts", () => multipart(Array<string>(20_000).fill("\r\nx")), "parts"],
    ["1,000 nested multiparts", () => nestedMultiparts(1_000), "parts"],
    ["999 nested multiparts", () => nestedMultiparts(998), "depth"],
    ["500 nested messages", () => nestedMessages(500), "depth"],
    ["nested messages around 5 MiB", () => nestedMessages(60, "x".repeat(5_000_000)), "tree_bytes"],
    ["900 parts with 900 header lines each", () => multipart(Array<string>(900).fill(`${"X-A: b\r\n".repeat(900)}\r\nx`)), null],
    ["25 MiB of ordinary lines", () => letter(...HEAD, "", `${"x".repeat(76)}\r\n`.repeat(335_000)), null],
    ["25 MiB in one line", () => letter(...HEAD, "", "x".repeat(26_000_000)), null],
    [
      "25 MiB of quoted-printable",
      () =>
        letter(
          ...HEAD,
          "Content-Type: text/html",
          "Content-Transfer-Encoding: quoted-printable",
          "",
          `${"=20".repeat(25)}=\r\n`.repeat(330_000),
        ),
      null,
    ],
    ["a header of one line", () => letter(...HEAD, `Subject: ${"=?utf-8?q?a?= ".repeat(4_000)}`, "", "x"), null],
    ["a header of commas", () => letter("From: a@b.example", `To: ${",".repeat(60_000)}`, "", "x"), null],
    ["a header of brackets", () => letter("From: a@b.example", `To: ${"<".repeat(60_000)}`, "", "x"), null],
    ["a header of comments", () => letter("From: a@b.example", `To: ${"(".repeat(60_000)}`, "", "x"), null],
    ["a header of groups", () => letter("From: a@b.example", `To: ${"a:".repeat(30_000)}`, "", "x"), null],
    ["a content type of parameters", () => letter(...HEAD, `Content-Type: text/plain; ${"a*0=b; ".repeat(8_000)}`, "", "x"), null],
    [
      "a file name in 1,000 pieces",
      () =>
        letter(
          ...HEAD,
          `Content-Disposition: attachment; ${Array.from({ length: 900 }, (_, at) => `filename*${at}*=utf-8''x`).join(";")}`,
          "",
          "x",
        ),
      null,
    ],
    [
      "a boundary of 60,000 characters",
      () =>
        letter(...HEAD, `Content-Type: multipart/mixed; boundary=${"b".repeat(60_000)}`, "", `--${"b".repeat(60_000)}x\r\n`.repeat(300)),
      null,
    ],
  ])("%s is over within seconds", async (_name, bomb, limit) => {
    const raw = bomb();
    let result: string | null = "";
    const cpu = await cpuOf(async () => (result = await refusedFor(raw)));
    expect(result).toBe(limit);
    expect(cpu).toBeLessThan(8_000);
  });
});

describe("any bytes", () => {
  it("are parsed or refused, and every text is well formed without NUL", async () => {
    const line = fc.oneof(
      fc.constantFrom(
        "Content-Type: multipart/mixed; boundary=b",
        "Content-Type: message/rfc822",
        "Content-Type: text/html; charset=utf-16",
        "Content-Type: =?x?b?y?=; name*0*=x''%00",
        "Content-Transfer-Encoding: base64",
        "Content-Transfer-Encoding: quoted-printable",
        "Content-Disposition: attachment; filename==?utf-8?b?AAAA?=",
        "Subject: =?iso-2022-jp?b?GyRC?=",
        "From: =?nonsense?q?=00?= <a@b>",
        "List-__proto__: <x>",
        "Date: nonsense",
        "--b",
        "--b--",
        "",
      ),
      fc.string({ unit: "binary", maxLength: 30 }),
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
      fc.array(line, { maxLength: 25 }).map((lines) => Buffer.from(lines.join("\r\n"))),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (raw) => {
        const parsed = await parseMail(raw);
        if (isViolation(parsed)) return;
        const text = [
          parsed.subject,
          parsed.text ?? "",
          parsed.html ?? "",
          ...parsed.to,
          ...parsed.attachments.flatMap((part) => [part.filename ?? "", part.text ?? ""]),
        ].join("|");
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toContain("\0");
      }),
      { numRuns: 150 },
    );
  });
});
