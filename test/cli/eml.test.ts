import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasBareLfOnly, toCrlf, toData, withTrace } from "../../src/cli/eml.ts";

/** Bytes in which the marks that matter are frequent. */
const bytes = fc
  .array(fc.constantFrom("\r\n", "\r\n.", ".", "\r", "\n", "a", "\r\n..", "\xff"), { maxLength: 40 })
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

describe("a message on the wire", () => {
  it("reads back as it was: RFC 5321 §4.5.2 undone gives the bytes, with a final line end if there was none", () => {
    fc.assert(
      fc.property(bytes, (message) => {
        const ended =
          message.length === 0 || message.subarray(-2).equals(Buffer.from("\r\n"))
            ? message
            : Buffer.concat([message, Buffer.from("\r\n")]);
        expect(unstuffed(toData(message)).toString("latin1")).toBe(message.length === 0 ? "\r\n" : ended.toString("latin1"));
      }),
    );
  });

  it("never holds the end of data before its end", () => {
    fc.assert(
      fc.property(bytes, (message) => {
        const wire = `\r\n${toData(message).toString("latin1")}`;
        expect(wire.indexOf("\r\n.\r\n")).toBe(wire.length - 5);
      }),
    );
  });

  it("stuffs a dot at the very beginning", () => {
    expect(toData(Buffer.from(".hidden\r\n")).toString()).toBe("..hidden\r\n.\r\n");
  });
});

describe("line ends", () => {
  it("LF-only files become CRLF, byte for byte otherwise", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", ".", "", "\xff"), { minLength: 1, maxLength: 20 }), (lines) => {
        const file = Buffer.from(lines.join("\n"), "latin1");
        expect(toCrlf(file).toString("latin1")).toBe(lines.join("\r\n"));
      }),
    );
  });

  it.each([
    ["a\nb\n", true],
    ["a\r\nb\r\n", false],
    ["a\r\nb\n", false],
    ["a\rb", false],
    ["", false],
  ])("%j is LF only: %s", (text, expected) => {
    expect(hasBareLfOnly(Buffer.from(text))).toBe(expected);
  });
});

describe("a trace field", () => {
  it("stands before the message and leaves its bytes alone", () => {
    const message = Buffer.from("From: a@b.example\r\n\r\ntext\r\n");
    const traced = withTrace(message, "abc", new Date("2026-11-21T10:00:00Z"));
    expect(traced.toString()).toBe(
      `Received: by postern-cli.invalid with SMTP id abc; Sat, 21 Nov 2026 10:00:00 +0000\r\n${message.toString()}`,
    );
  });
});

function unstuffed(wire: Buffer): Buffer {
  const text = wire.toString("latin1");
  expect(text.endsWith(".\r\n")).toBe(true);
  const lines = text.slice(0, -3).split("\r\n");
  return Buffer.from(lines.map((line) => (line.startsWith(".") ? line.slice(1) : line)).join("\r\n"), "latin1");
}
