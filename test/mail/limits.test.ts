import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIntakeScanner, MAIL_LIMITS, type MailLimits } from "../../src/mail/limits.ts";
import type { Violation } from "../../src/mail/reader.ts";
import { cpuOf, letter } from "./letters.ts";

function judge(chunks: readonly Buffer[], limits: MailLimits = MAIL_LIMITS): Violation | null {
  const scanner = createIntakeScanner(limits);
  for (const chunk of chunks) scanner.write(chunk);
  return scanner.end();
}

function limitOf(raw: Buffer, limits?: MailLimits): string | null {
  return judge([raw], limits)?.limit ?? null;
}

function repeated(line: string, times: number): Buffer {
  return letter("From: a@b.example", ...Array<string>(times).fill(line), "", "hello");
}

const SMUGGLING = ["\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\0.\r\n"];

describe("the scanner of arriving bytes", () => {
  it("lets an ordinary message pass", () => {
    expect(judge([letter("From: a@b.example", "To: c@d.example", "", "hello", "", "world")])).toBeNull();
  });

  it("lets a message without body, without header and without bytes pass", () => {
    expect(judge([Buffer.from("From: a@b.example\r\n")])).toBeNull();
    expect(judge([Buffer.from("\r\nhello\r\n")])).toBeNull();
    expect(judge([])).toBeNull();
  });

  it("refuses 25 MiB and one byte with 552 5.3.4, and lets 25 MiB pass", () => {
    const head = Buffer.from("From: a@b.example\r\n\r\n");
    const body = Buffer.alloc(MAIL_LIMITS.size - head.length, 0x78);
    expect(judge([head, body])).toBeNull();
    expect(judge([head, body, Buffer.from("x")])).toMatchObject({ limit: "size", code: 552, enhanced: "5.3.4" });
  });

  it("refuses a bare line feed with 550 5.6.11", () => {
    expect(judge([Buffer.from("From: a@b.example\r\n\r\nhello\nworld\r\n")])).toMatchObject({
      limit: "bare_lf",
      code: 550,
      enhanced: "5.6.11",
    });
  });

  it("refuses a bare carriage return with 550 5.6.11", () => {
    expect(judge([Buffer.from("From: a@b.example\r\n\r\nhello\rworld\r\n")])).toMatchObject({
      limit: "bare_cr",
      code: 550,
      enhanced: "5.6.11",
    });
    expect(limitOf(Buffer.from("From: a@b.example\r\n\r\nhello\r\r\n"))).toBe("bare_cr");
    expect(limitOf(Buffer.from("From: a@b.example\r\n\r\nhello\r"))).toBe("bare_cr");
  });

  it("refuses a NUL with 550 5.6.11", () => {
    expect(judge([Buffer.from("From: a@b.example\r\n\r\nhel\0lo\r\n")])).toMatchObject({ limit: "nul", code: 550, enhanced: "5.6.11" });
  });

  it.each(SMUGGLING)("refuses the end-of-data smuggling variant %j wherever the chunks are cut", (variant) => {
    const raw = Buffer.from(`From: a@b.example\r\n\r\nhello${variant}MAIL FROM:<boss@acme.example>\r\n`);
    for (let cut = 0; cut <= raw.length; cut++) expect(judge([raw.subarray(0, cut), raw.subarray(cut)])?.enhanced).toBe("5.6.11");
  });

  it("accepts 100 Received fields and refuses 101 as a loop with 554 5.4.6", () => {
    expect(limitOf(repeated("Received: from a by b", 100))).toBeNull();
    expect(judge([repeated("Received: from a by b", 101)])).toMatchObject({ limit: "received", code: 554, enhanced: "5.4.6" });
  });

  it("counts a Received field whatever its case and spacing", () => {
    expect(limitOf(repeated("rEcEiVeD : from a by b", 101))).toBe("received");
    expect(limitOf(repeated("Received\r\n : from a by b", 101))).toBe("received");
  });

  it("accepts 10 DKIM signatures and refuses 11 or 1,000", () => {
    expect(limitOf(repeated("DKIM-Signature: v=1", 10))).toBeNull();
    expect(limitOf(repeated("DKIM-Signature: v=1", 11))).toBe("dkim_signatures");
    expect(limitOf(repeated("DKIM-Signature: v=1", 990))).toBe("dkim_signatures");
    expect(limitOf(repeated("DKIM-Signature: v=1", 1_000))).toBe("header_lines");
  });

  it("accepts 50 ARC sets and refuses 51, whichever of the three fields there are 51 of", () => {
    const set = "ARC-Seal: i=1\r\nARC-Message-Signature: i=1\r\nARC-Authentication-Results: i=1";
    expect(limitOf(repeated(set, 50))).toBeNull();
    for (const name of ["ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"])
      expect(limitOf(repeated(`${name}: i=1`, 51))).toBe("arc_sets");
  });

  it("does not count what stands in the body", () => {
    const lines = Array<string>(2_000).fill("Received: from a by b");
    expect(limitOf(letter("From: a@b.example", "", ...lines))).toBeNull();
  });

  it("accepts 1,000 header lines and refuses 1,001", () => {
    expect(limitOf(repeated("X-A: b", 999))).toBeNull();
    expect(limitOf(repeated("X-A: b", 1_000))).toBe("header_lines");
    expect(limitOf(repeated("X-A: b\r\n folded", 500))).toBe("header_lines");
  });

  it("accepts a header block of 64 KiB and refuses a byte more", () => {
    const block = (bytes: number): Buffer => Buffer.from(`X: ${"y".repeat(bytes - 7)}\r\n\r\n`);
    expect(limitOf(block(MAIL_LIMITS.headerBytes))).toBeNull();
    expect(limitOf(block(MAIL_LIMITS.headerBytes + 1))).toBe("header_bytes");
    expect(limitOf(Buffer.concat([block(MAIL_LIMITS.headerBytes), Buffer.alloc(100_000, 0x78)]))).toBeNull();
  });

  it("refuses 1 MB of folded headers at once", async () => {
    const bomb = Buffer.from(`References: <a@b.example>\r\n${" <a@b.example>\r\n".repeat(65_000)}\r\nhello\r\n`);
    const cpu = await cpuOf(() => expect(["header_bytes", "header_lines"]).toContain(limitOf(bomb)));
    expect(cpu).toBeLessThan(500);
  });

  it("notes lines over 998 bytes and refuses none", () => {
    const scanner = createIntakeScanner();
    scanner.write(letter("From: a@b.example", "", "x".repeat(998), "x".repeat(999), "x".repeat(5_000)));
    expect(scanner.end()).toBeNull();
    expect(scanner.longLines()).toBe(2);
  });

  it("takes other limits when it is given them", () => {
    expect(limitOf(letter("From: a@b.example", "", "hello"), { ...MAIL_LIMITS, size: 10 })).toBe("size");
    expect(limitOf(repeated("Received: x", 3), { ...MAIL_LIMITS, received: 2 })).toBe("received");
  });

  it("says the same of the same bytes however they are cut", () => {
    const bytes = fc
      .array(fc.constantFrom("\r\n", "\r", "\n", "\0", "a", ": ", "\r\n\r\n", " "), { maxLength: 30 })
      .map((parts) => Buffer.from(parts.join("")));
    fc.assert(
      fc.property(bytes, fc.array(fc.nat({ max: 40 }), { maxLength: 5 }), (raw, cuts) => {
        const edges = [0, ...cuts.map((cut) => Math.min(cut, raw.length)).sort((a, b) => a - b), raw.length];
        const chunks = edges.slice(1).map((edge, index) => raw.subarray(edges[index], edge));
        expect(judge(chunks)).toEqual(judge([raw]));
      }),
      { numRuns: 300 },
    );
  });

  it("does not look at a chunk again after it returned", () => {
    const scanner = createIntakeScanner();
    const chunk = Buffer.from("Received: a\r\n".repeat(101));
    scanner.write(chunk);
    chunk.fill(0x78);
    scanner.write(Buffer.from("\r\nhello\r\n"));
    expect(scanner.end()?.limit).toBe("received");
  });

  it.each([
    ["ordinary lines", `${"x".repeat(76)}\r\n`],
    ["empty lines", "\r\n"],
    ["one line", "xxxx"],
    ["dots", ".\r\n"],
  ])("scans 25 MiB of %s in 64 KiB chunks quickly", async (_name, line) => {
    const head = Buffer.from("From: a@b.example\r\n\r\n");
    const raw = Buffer.concat([head, Buffer.from(line.repeat(Math.floor((MAIL_LIMITS.size - head.length) / line.length)))]);
    const scanner = createIntakeScanner();
    const cpu = await cpuOf(() => {
      for (let at = 0; at < raw.length; at += 65_536) scanner.write(raw.subarray(at, at + 65_536));
    });
    expect(scanner.end()).toBeNull();
    // Some 40 ms alone; the bound leaves room for a busy machine.
    expect(cpu).toBeLessThan(1_000);
  });
});
