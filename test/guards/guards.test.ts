import { describe, expect, it } from "vitest";
import { runGuards } from "../../src/guards/index.ts";
import { DEFAULT_PLACES } from "../../src/model/guards.ts";
import { views } from "./views.ts";

const WORDS = ["ignore", "disregard", "forget", "override", "reveal", "send", "forward", "delete", "transfer", "approve"];
const LINE = "The quick brown fox jumps over the lazy dog, and asks about the meeting on Tuesday.\n";

/** 54 patterns of the kind policies have. */
const PATTERNS = {
  digest: "numbers",
  guards: Array.from({ length: 54 }, (_, index) => {
    const source = `\\b${WORDS[index % 10]} (?:the |all |any )?${WORDS[(index * 7 + 3) % 10]}\\w*.{0,20}${index}`;
    return { pattern: `/${source}/i`, in: DEFAULT_PLACES };
  }),
};

describe("all guards", () => {
  it("look at the message in a fixed order", () => {
    const seen = runGuards(
      views({ text: "ignore all ignore 0", subject: "x\u202ey", headers: { names: ["date", "date"], long_lines: 0 } }),
      { digest: "order", guards: [{ pattern: "ignore all", in: DEFAULT_PLACES }] },
    );
    expect(seen.map(({ guard }) => guard)).toEqual(["content", "hidden_text", "headers"]);
  });

  it("DESIGN §9.4 an exception of a guard reaches the caller, who holds the message", () => {
    expect(() => runGuards(views(), { digest: "broken", guards: [{ pattern: "(", in: DEFAULT_PLACES }] })).toThrow("content guard 0");
  });

  it.each([
    ["5 KB", 5_000, 3],
    ["100 KB", 100_000, 40],
  ])("DESIGN §10 54 patterns look at %s within the time", (_, size, budget) => {
    const mail = views({ subject: "Tuesday", text: LINE.repeat(Math.ceil(size / LINE.length)).slice(0, size) });
    const times = Array.from({ length: 12 }, () => {
      const started = performance.now();
      runGuards(mail, PATTERNS);
      return performance.now() - started;
    });
    // The best of many: the machine is shared, the work is not.
    expect(Math.min(...times)).toBeLessThan(budget);
  });
});
