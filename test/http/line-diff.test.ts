import fc from "fast-check";
import { expect, it } from "vitest";
import { diffLines } from "../../src/http/line-diff.ts";

const text = fc.array(fc.constantFrom("a", "b", "c", "", "longer line"), { maxLength: 40 }).map((lines) => lines.join("\n"));

/** One side of a diff: with the lines that are left out counted. */
function side(before: string, after: string, dropped: "added" | "removed"): number {
  return diffLines(before, after)
    .filter(({ op }) => op !== dropped)
    .reduce((count, line) => count + (line.op === "skipped" ? Number(line.text) : 1), 0);
}

it("whatever the texts, each side has all of its lines, and equal texts have no change", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      expect(side(before, after, "added")).toBe(before.split("\n").length);
      expect(side(before, after, "removed")).toBe(after.split("\n").length);
      const changed = diffLines(before, after).some(({ op }) => op === "added" || op === "removed");
      expect(changed).toBe(before !== after);
    }),
  );
});

it("a changed line is shown among the lines around it", () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const after = lines.with(10, "another");
  expect(diffLines(lines.join("\n"), after.join("\n"))).toEqual([
    { op: "skipped", text: "7" },
    ...["line 7", "line 8", "line 9"].map((each) => ({ op: "kept", text: each })),
    { op: "removed", text: "line 10" },
    { op: "added", text: "another" },
    ...["line 11", "line 12", "line 13"].map((each) => ({ op: "kept", text: each })),
    { op: "skipped", text: "6" },
  ]);
});

it("half a megabyte of changed lines takes no longer than a moment, and no more than two thousand lines", () => {
  const [before, after] = ["x\n", "y\n"].map((line) => line.repeat(256 * 1024)) as [string, string];
  const began = performance.now();
  expect(diffLines(before, after)).toHaveLength(2_000);
  expect(performance.now() - began).toBeLessThan(2_000);
});
