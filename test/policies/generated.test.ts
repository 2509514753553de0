import { readFile, readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { replaceBetween, staleFiles } from "../../src/dev/generate.ts";
import { policyReference } from "../../policies/reference.ts";
import { THREATS, threatTable } from "../../policies/threats.ts";

const TESTS = new URL("../", import.meta.url);

/** First string of every `it(…)`, `it.each(…)(…)` and the like in every test file. */
async function titles(): Promise<readonly string[]> {
  const files = (await readdir(TESTS, { recursive: true })).filter((file) => file.endsWith(".test.ts"));
  const sources = await Promise.all(files.map((file) => readFile(new URL(file, TESTS), "utf8")));
  return sources.flatMap((source) =>
    [...source.matchAll(/\(\s*(["'`])((?:(?!\1)[^\\\n]|\\.){8,300})\1\s*,\s*(?:\{[^}\n]*\}\s*,\s*)?(?:async\s*)?\(/g)].map(
      (match) => match[2] ?? "",
    ),
  );
}

describe("what is generated", () => {
  it("is what the source says now (`node policies/generate.ts --write`)", async () => {
    expect((await staleFiles()).map(({ path }) => path)).toEqual([]);
  });

  it("MB-24 the policy reference has a row for every key, with its default", () => {
    const reference = policyReference();
    expect(reference).toContain("| `senders[].match.requireDkim` | boolean |");
    expect(reference).toContain("| `contentGuards` | list of objects | `[]` |");
    expect(reference).toContain(
      '| `contentGuards[].in` | list of `subject`, `text`, `html`, `hidden`, `attachments` | `["subject","text","html","hidden"]` |',
    );
    expect(reference).toContain("| `auditLog.retentionDays` | integer | `90` |");
    expect(reference).toContain("| `defaultAction` | `bounce`, `drop`, `quarantine`, `hold` | required |");
    for (const row of reference.split("\n")) expect(row).toMatch(/^\|.+\|.+\|.*\|.+\|$/);
  });

  it("MB-24 every row of the threat table names tests that exist", async () => {
    const known = await titles();
    const missing = THREATS.flatMap(({ threat, tests }) =>
      tests.filter((test) => !known.some((title) => title.includes(test))).map((test) => `${threat}: ${test}`),
    );
    expect(missing).toEqual([]);
    expect(THREATS.every(({ tests }) => tests.length > 0)).toBe(true);
    expect(threatTable().split("\n")).toHaveLength(THREATS.length + 2);
  });

  it("replaces between its markers only, as often as it is run", () => {
    const text = "a <!-- x:start --> old <!-- x:end --> b <!-- y:start --><!-- y:end -->";
    const once = replaceBetween(text, "x", "new");
    expect(once).toBe("a <!-- x:start -->\n\n<!-- prettier-ignore -->\nnew\n\n<!-- x:end --> b <!-- y:start --><!-- y:end -->");
    expect(replaceBetween(once, "x", "new")).toBe(once);
    expect(replaceBetween("no markers", "x", "new")).toBe("no markers");
    expect(replaceBetween("<!-- x:start --> never ends", "x", "new")).toBe("<!-- x:start --> never ends");
  });
});
