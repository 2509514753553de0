import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createDots } from "../../src/smtp/dots.ts";
import { stuffed } from "../support/smtp-client.ts";

/** Text of the pieces that matter, cut into chunks anywhere. */
const text = fc.array(fc.constantFrom("\r\n", "\r", "\n", ".", "..", "a", "\u0000"), { maxLength: 30 }).map((pieces) => pieces.join(""));
const cuts = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 20 });

function readAll(input: string, sizes: readonly number[]): { readonly message: string; readonly rest: string | null } {
  const dots = createDots();
  const bytes = Buffer.from(input, "latin1");
  let message = "";
  let from = 0;
  for (const size of [...sizes, bytes.length]) {
    const read = dots.read(bytes.subarray(from, from + size));
    from += size;
    message += read.bytes.toString("latin1");
    if (read.rest !== null) return { message, rest: read.rest.toString("latin1") + bytes.subarray(from).toString("latin1") };
  }
  return { message, rest: null };
}

/** RFC 5321 §4.5.2 line by line, on the whole text at once. */
function asTheRfcSays(input: string): { readonly message: string; readonly rest: string | null } {
  const lines = input.split("\r\n");
  const last = lines.findIndex((line, index) => line === "." && index < lines.length - 1);
  const body = (last < 0 ? lines : lines.slice(0, last)).map((line) => (line.startsWith(".") ? line.slice(1) : line));
  const message = last < 0 ? body.join("\r\n") : body.map((line) => `${line}\r\n`).join("");
  return { message, rest: last < 0 ? null : lines.slice(last + 1).join("\r\n") };
}

describe("dot-unstuffing", () => {
  it("MB-14 reads any bytes as RFC 5321 §4.5.2 says, wherever they are cut", () => {
    fc.assert(
      fc.property(text, cuts, (input, sizes) => {
        // The end is given, so that nothing is held back for want of a next byte.
        const whole = `${input}z`;
        expect(readAll(whole, sizes)).toEqual(asTheRfcSays(whole));
      }),
      { numRuns: 300 },
    );
  });

  it("PB-09 undoes stuffing: what was meant is what is read, and what follows is left", () => {
    const lines = fc
      .array(fc.constantFrom("", ".", "..", ".a", "a", "a.", "\r", "\n."), { maxLength: 12 })
      .map((all) => all.map((line) => `${line}\r\n`).join(""));
    fc.assert(
      fc.property(lines, cuts, fc.constantFrom("", "QUIT\r\n", ".\r\n"), (message, sizes, rest) => {
        expect(readAll(stuffed(message).toString("latin1") + rest, sizes)).toEqual({ message, rest });
      }),
      { numRuns: 300 },
    );
  });

  it("ends at CRLF.CRLF and at .CRLF as the first line, at nothing else", () => {
    const ends = (input: string) => readAll(input, []).rest !== null;
    expect(["a\r\n.\r\n", ".\r\n", "\r\n.\r\n", "..\r\n.\r\n"].filter(ends)).toHaveLength(4);
    const others = [
      "\n.\n",
      "\n.\r\n",
      "\r\n.\n",
      "\r.\r",
      "\r.\r\n",
      "\r\n.\r",
      "\r.\n",
      "a.\r\n",
      "..\r\n",
      "\r\n..\r\n",
      "\r\n.\u0000\r\n",
      "\r\n\u0000.\r\n",
      "\r\n.\r\r\n",
      "",
    ];
    expect(others.filter(ends)).toEqual([]);
  });

  it("costs the same whatever the bytes are", () => {
    const dots = createDots();
    const chunk = Buffer.alloc(65_536, "\r\n..");
    const started = performance.now();
    for (let index = 0; index < 400; index += 1) dots.read(chunk);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
