import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { enhancedOf, firstLine, NotAReply, REPLY_LIMITS, ReplyReader, type SmtpReply } from "../../src/transports/smtp/reply.ts";
import { openTransport, QUICK, send, startPeer } from "./relay.ts";

function read(text: string | Buffer, piece = Infinity): SmtpReply[] {
  const bytes = Buffer.from(text as string);
  const reader = new ReplyReader();
  const replies: SmtpReply[] = [];
  for (let at = 0; at < bytes.length; at += piece) replies.push(...reader.read(bytes.subarray(at, at + piece)));
  return replies;
}

describe("a reply", () => {
  it.each<[string, SmtpReply]>([
    ["250 ok\r\n", { code: 250, lines: ["ok"] }],
    ["250\r\n", { code: 250, lines: [""] }],
    ["250 \n", { code: 250, lines: [""] }],
    ["250-one\r\n250-\r\n250 three\r\n", { code: 250, lines: ["one", "", "three"] }],
  ])("%j", (text, reply) => {
    expect(read(text)).toEqual([reply]);
  });

  it.each([
    "hello\r\n",
    "\r\n",
    "25 ok\r\n",
    "2500 ok\r\n",
    "150 wait\r\n",
    "600 what\r\n",
    "250=ok\r\n",
    "25\u00b2 ok\r\n",
    " 250 ok\r\n",
    "250-one\r\n550 two\r\n",
    `250 ${"x".repeat(REPLY_LIMITS.lineBytes)}\r\n`,
    "250-x\r\n".repeat(REPLY_LIMITS.lines + 1),
  ])("%j is none", (text) => {
    expect(() => read(text)).toThrow(NotAReply);
  });

  it("is the same however its bytes are cut", () => {
    const line = fc.string({ maxLength: 40 }).map((text) => text.replace(/[\r\n]/g, ""));
    const reply = fc.tuple(fc.integer({ min: 200, max: 599 }), fc.array(line, { minLength: 1, maxLength: 5 }));
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 5 }), fc.integer({ min: 1, max: 60 }), (replies, piece) => {
        const text = replies
          .map(([code, lines]) => lines.map((words, index) => `${code}${index === lines.length - 1 ? " " : "-"}${words}\r\n`).join(""))
          .join("");
        expect(read(text, piece)).toEqual(read(text));
        expect(read(text).map(({ code }) => code)).toEqual(replies.map(([code]) => code));
      }),
    );
  });

  it("bytes are replies or refused, whatever they are, and what is kept is text that every database takes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 }), (pieces) => {
        const reader = new ReplyReader();
        try {
          for (const piece of pieces) {
            for (const reply of reader.read(Buffer.concat([Buffer.from("250 "), piece, Buffer.from("\r\n")]))) {
              const text = firstLine(reply);
              expect(text.isWellFormed()).toBe(true);
              expect(text).not.toMatch(/[\0-\x1f\x7f-\x9f]/);
              expect(text.length).toBeLessThanOrEqual(500);
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(NotAReply);
        }
      }),
    );
  });

  it.each([
    [550, "5.1.1 no such user", "5.1.1"],
    [550, "5.1.1", "5.1.1"],
    [451, "4.777.999 later", "4.777.999"],
    [550, "4.1.1 of another class", null],
    [550, "5.1.1no", null],
    [550, "5.1 no", null],
    [550, "5.1.1000 no", null],
    [550, "see 5.1.1", null],
    [354, "3.0.0 no class", null],
  ])("%i %s has the enhanced status code %s (RFC 3463)", (code, text, expected) => {
    expect(enhancedOf({ code, lines: [text] })).toBe(expected);
  });
});

describe("a hostile relay", () => {
  it.each<[string, () => Buffer]>([
    ["a line of 10 MB", () => Buffer.alloc(10_000_000, "2")],
    ["a reply without an end", () => Buffer.from("250-more\r\n".repeat(500_000))],
    ["NULs", () => Buffer.alloc(100_000)],
  ])("%s ends the connection, before and after the final dot", async (_, bytes) => {
    for (const [at, end] of [
      ["ehlo", "failed_before_data"],
      ["dot", "unknown"],
    ] as const) {
      const peer = await startPeer({ script: (step) => (step === at ? { raw: bytes() } : undefined) });
      const result = await send(openTransport(peer, { times: QUICK }));
      expect(result).toMatchObject({ end, replies: [{ code: null }] });
      await expect.poll(() => peer.open).toBe(0);
    }
  });

  it("replies nobody asked for end the connection, and only the first counts", async () => {
    const flood = { raw: Buffer.from("250 ok\r\n".repeat(100_000)) };
    const peer = await startPeer({ script: (step, _, connection) => (step === (connection === 1 ? "ehlo" : "dot") ? flood : undefined) });
    const transport = openTransport(peer);
    expect((await send(transport)).end).toBe("failed_before_data");
    expect(await send(transport)).toMatchObject({ end: "completed", replies: [{ code: 250 }] });
    await expect.poll(() => peer.open).toBe(0);
  });

  it("a reply that comes byte by byte does not stretch the time it may take", async () => {
    const peer = await startPeer({ script: (step) => (step === "mail" ? { drip: "250-slow\r\n".repeat(1000) } : undefined) });
    const result = await send(openTransport(peer, { times: QUICK }));
    expect(result).toMatchObject({ end: "failed_before_data", replies: [{ text: "no answer in time (MAIL)" }] });
  });
});
