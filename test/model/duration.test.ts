import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDuration, parseDuration } from "../../src/model/duration.ts";

describe("a duration", () => {
  it.each([
    ["30 s", 30_000],
    ["90 min", 5_400_000],
    ["36 h", 129_600_000],
    ["1 day", 86_400_000],
    ["7 days", 604_800_000],
  ])("%s is %i ms, and is written so", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    ["60 s", "1 min"],
    ["1440 min", "1 day"],
    ["48 h", "2 days"],
    ["1 days", "1 day"],
  ])("%s is written %s", (text, normal) => {
    expect(formatDuration(parseDuration(text) ?? 0)).toBe(normal);
  });

  it.each([
    "",
    "7",
    "7d",
    "7 d",
    "P7D",
    "PT36H",
    "0 s",
    "-1 h",
    "1.5 h",
    "1 h 30 min",
    " 7 days",
    "7  days",
    "7 Days",
    "1 week",
    "1e3 s",
    "٧ days",
  ])("%j is none", (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it("parse∘format is the identity", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 365 * 86_400 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1_000))).toBe(seconds * 1_000);
      }),
    );
  });
});
