import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exceeds } from "../../src/http/ingest-json.ts";

const bounds = { depth: 4, values: 10 };
const over = (text: string) => exceeds(Buffer.from(text), bounds);

describe("bounds of JSON, before it is parsed", () => {
  it.each([
    ["[[[[]]]]", false],
    ["[[[[[]]]]]", true],
    ['{"a":{"b":{"c":{}}}}', false],
    ['{"a":{"b":{"c":{"d":[]}}}}', true],
    ["[1,2,3,4,5,6,7,8,9]", false],
    ["[1,2,3,4,5,6,7,8,9,10,11]", true],
    [`["${"[".repeat(50)}${",".repeat(50)}"]`, false],
    ['["\\"[[[[[[["]', false],
    ['["\\\\",[[[[', true],
    ["", false],
  ])("`%s`: %s", (text, expected) => {
    expect(over(text)).toBe(expected);
  });

  it("never lets through what is deeper, whatever else is in it", () => {
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 6 }, fc.string(), fc.integer(), fc.array(tie("value"), { maxLength: 3 }), fc.dictionary(fc.string(), tie("value"), { maxKeys: 3 })), // prettier-ignore
    }));
    const depthOf = (json: unknown): number =>
      typeof json === "object" && json !== null ? 1 + Math.max(0, ...Object.values(json).map(depthOf)) : 0;
    fc.assert(
      fc.property(value, (json) => {
        const text = Buffer.from(JSON.stringify(json));
        expect(exceeds(text, { depth: 3, values: 1_000 })).toBe(depthOf(json) > 3);
      }),
    );
  });
});
