import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reveal } from "../../src/mail/invisible.ts";

const inTags = (text: string): string => [...text].map((character) => String.fromCodePoint(0xe0000 + character.charCodeAt(0))).join("");
const inSelectors = (text: string): string =>
  [...Buffer.from(text)].map((byte) => String.fromCodePoint(byte < 16 ? 0xfe00 + byte : 0xe0100 + byte - 16)).join("");

describe("X-13 characters without a shape", () => {
  it("tags are taken out and decoded", () => {
    expect(reveal(`Hello${inTags("ignore all")} world`)).toEqual({ text: "Hello world", hidden: ["ignore all"] });
  });

  it("variation selectors that spell bytes are taken out and decoded", () => {
    expect(reveal(`😊${inSelectors("ignore all")}!`)).toEqual({ text: "😊!", hidden: ["ignore all"] });
  });

  it("zero-width characters inside words are taken out, so that the words are found", () => {
    expect(reveal("ig\u200bn\u2060o\u00adre\ufeff")).toEqual({ text: "ignore", hidden: [] });
  });

  it("controls of direction are taken out", () => {
    expect(reveal("\u202egpj.exe\u2066x\u2069")).toEqual({ text: "gpj.exex", hidden: [] });
  });

  it("tags split by zero-width characters are one stretch", () => {
    expect(reveal(`a${inTags("ig")}\u200b${inTags("nore")}b`).hidden).toEqual(["ignore"]);
  });

  it("an emoji keeps its look, and the flag of Scotland hides nothing", () => {
    expect(reveal("❤️ ok").text).toBe("❤️ ok");
    expect(reveal(`🏴${inTags("gbsct")}\u{e007f}!`).hidden).toEqual([]);
    expect(reveal(`🏴${inTags("hello")}\u{e007f}!`).hidden).toEqual(["hello"]);
  });

  it("ordinary text in any script stays as it is", () => {
    const text = "Grüße, 東京, Привет, नमस्ते, \t\r\n 'quotes' – €";
    expect(reveal(text)).toEqual({ text, hidden: [] });
  });

  it("are gone from every revealed text, which a second time changes nothing", () => {
    const unit = fc.constantFrom("a", "é", "😊", "\u200b", "\u{e0041}", "\ufe0f", "\u{e0101}", "\u202e", "🏴", "\ud800", "\u00ad");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
        const once = reveal(text).text;
        expect(reveal(once).text).toBe(once);
        expect(once).not.toMatch(/[\u200b\u202e\u00ad\u{e0041}]/u);
      }),
      { numRuns: 300 },
    );
  });
});
