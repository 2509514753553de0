import fc from "fast-check";
import { RE2JS } from "re2js";
import { describe, expect, it } from "vitest";
import { formatRegExp, parsePattern } from "../../src/guards/pattern.ts";

function normal(text: string): string {
  const parsed = parsePattern(text);
  if (!parsed.ok) throw new Error(parsed.problem.what);
  return parsed.pattern.text;
}

function found(pattern: string, text: string): boolean {
  const parsed = parsePattern(pattern);
  if (!parsed.ok) throw new Error(parsed.problem.what);
  return RE2JS.compile(parsed.pattern.expression).test(text);
}

function problem(text: string) {
  const parsed = parsePattern(text);
  return parsed.ok ? null : parsed.problem;
}

describe("the pattern dialect", () => {
  it("MB-09 reads `/…/i`, `(?i)…` and a plain, case-sensitive source", () => {
    expect(found("/wire transfer/i", "WIRE Transfer")).toBe(true);
    expect(found("(?i)wire transfer", "WIRE Transfer")).toBe(true);
    expect(found("wire transfer", "WIRE Transfer")).toBe(false);
    expect(found("wire transfer", "a wire transfer")).toBe(true);
  });

  it.each([
    ["a/b", "/a\\/b/"],
    ["/unsubscribe", "/\\/unsubscribe/"],
    ["/[/]/", "/[/]/"],
    ["two\nlines", "/two\\nlines/"],
    ["/x/sim", "/x/ims"],
    ["/x/giu", "/x/i"],
    ["/x/d", "/x/"],
  ])("has one normal form: %j is %j, which is its own", (text, expected) => {
    expect(normal(text)).toBe(expected);
    expect(normal(expected)).toBe(expected);
  });

  it.each([
    ["(a)\\1", "has the backreference `\\1`", 3],
    ["(?<n>a)\\k<n>", "has the backreference `\\k<n>`", 7],
    ["a(?=b)", "has the lookahead `(?=`", 1],
    ["a(?!b)", "has the negative lookahead `(?!`", 1],
    ["ab(?<=b)c", "has the lookbehind `(?<=`", 2],
    ["(?<!b)c", "has the negative lookbehind `(?<!`", 0],
    ["x(?>a)", "has the atomic group `(?>`", 1],
    ["(a", "has a `(` without its `)`", 0],
    ["ab)", "has a `)` without its `(`", 2],
    ["x[a", "has a `[` without its `]`", 1],
    ["ab\\", "ends in a lone `\\`", 2],
    ["xx**", "is not a regular expression: invalid nested repetition operator `**`", 2],
    ["a[z-a]", "is not a regular expression: invalid character class range `z-a`", 2],
    ["a\\p{Nowhere}", "is not a regular expression: invalid character class range `\\p{Nowhere}`", 1],
    ["end\\Z", "has the unknown escape `\\Z`", 3],
    ["a\\x4", "has an incomplete escape `\\x`", 1],
    ["\\uD83D\\uDE00", "has half a surrogate pair", 0],
    ["[\\b]", "has `\\b` inside a class", 1],
  ])("refuses %j with the place: %s at %i", (text, what, position) => {
    expect(problem(text)).toMatchObject({ what, position });
    expect(problem(text)?.fix).not.toBe("");
  });

  it.each([
    ["/x/y", "has the flag `y` (it ties the pattern to the start)"],
    ["/x/v", "has the flag `v` (the linear engine lacks its classes)"],
    ["/x/q", "has the unknown flag `q`"],
    ["/x/ii", "has the flag `i` twice"],
    ["", "is empty"],
    ["//", "is empty"],
    ["a*", "matches every text"],
    ["(?:)", "matches every text"],
    ["\ud800", "has half a surrogate pair"],
    ["x".repeat(1_006), "has 1006 characters, at most 1000 are allowed"],
  ])("refuses %j as a whole: %s", (text, what) => {
    expect(problem(text)).toMatchObject({ what, position: null });
  });

  it.each(["a{1000}", "(?:abcdefghij){100}", "(?:a{30}){30}", "(.{0,400}){2}", "(".repeat(400) + "a" + ")".repeat(400)])(
    "refuses what a short source makes large: %j",
    (text) => {
      const started = performance.now();
      expect(problem(text)?.what).toMatch(/steps/);
      expect(performance.now() - started).toBeLessThan(200);
    },
  );

  it("is the same for a RegExp and for what it prints", () => {
    const expression = /ignore (previous|all) instructions\/rules/i;
    expect(normal(formatRegExp(expression))).toBe(String(expression));
  });

  it("never throws, and what it accepts is its own normal form and compiles alike", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.stringMatching(/^[()[\]{}|*+?\\/a-c1,^$.-]{0,20}$/)),
        (text) => {
          const parsed = parsePattern(text);
          if (!parsed.ok) return parsed.problem.what !== "" && parsed.problem.fix !== "";
          const again = parsePattern(parsed.pattern.text);
          return again.ok && again.pattern.text === parsed.pattern.text && again.pattern.expression === parsed.pattern.expression;
        },
      ),
      { numRuns: 300 },
    );
  });

  it("finds what JavaScript finds, for patterns both know", () => {
    const piece = fc.constantFrom(
      "a",
      "b",
      "A",
      ".",
      "\\d",
      "\\w",
      "[ab]",
      "[^a]",
      "a?",
      "b*",
      "(?:ab)+",
      "a|b",
      "a{2}",
      "\\bab",
      "b$",
      "^a",
      "\\x61",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 6 }),
        fc.stringMatching(/^[abAB1 ]{0,12}$/),
        fc.boolean(),
        (pieces, text, fold) => {
          const expression = new RegExp(pieces.join(""), fold ? "i" : "");
          const parsed = parsePattern(formatRegExp(expression));
          return !parsed.ok || RE2JS.compile(parsed.pattern.expression).test(text) === expression.test(text);
        },
      ),
      { numRuns: 300 },
    );
  });
});
