import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exceeds } from "../../src/http/ingest-json.ts";
import { INGEST_LIMITS, readItem } from "../../src/http/ingest-request.ts";

const bounds = { depth: 4, values: 10, entries: 6 };
const over = (text: string) => exceeds(Buffer.from(text), bounds);

describe("bounds of JSON, before it is parsed", () => {
  it.each([
    ["[[[[]]]]", false],
    ["[[[[[]]]]]", true],
    ['{"a":{"b":{"c":{}}}}', false],
    ['{"a":{"b":{"c":{"d":[]}}}}', true],
    ["[1,2,3],[4,5,6],[7,8]", false],
    ["[1,2,3],[4,5,6],[7,8,9]", true],
    ["[1,2,3,4,5,6]", false],
    ["[1,2,3,4,5,6,7]", true],
    ["[[1,2,3,4],5,[6]]", false],
    ["]]]][[[[[]]]]]", true],
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
        expect(exceeds(text, { depth: 3, values: 1_000, entries: 1_000 })).toBe(depthOf(json) > 3);
      }),
    );
  });
});

describe("the shape of an item", () => {
  const item = { to: "a@agents.example", from: "b@forum.example" };
  const many = <T>(value: T, count: number): Record<string, T> =>
    Object.fromEntries(Array.from({ length: count }, (_, nth) => [`x-${nth}`, value]));

  // To check each of 200,000 took 2.3 s; a request may have no more than 5,000 in one place.
  it.each([
    ["headers that are none", { headers: many(1, 5_000) }],
    ["headers", { headers: many("", 5_000) }],
    ["names nobody knows", many(1, 5_000)],
    ["recipients", { cc: Array.from({ length: 5_000 }, () => 1) }],
  ])("is refused for their number, before each of them is looked at: %s", (_, more) => {
    let refused: unknown;
    try {
      readItem({ ...item, ...more });
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({ code: "invalid_request", problems: [{ message: "has an object or array of more than 100" }] });
  });

  it("has as much as it may have", () => {
    const headers = many("", INGEST_LIMITS.headers);
    expect(readItem({ ...item, headers })).toMatchObject({ parsed: { headers } });
    expect(() => readItem({ ...item, headers: { ...headers, more: "" } })).toThrow("not of the described shape");
  });
});
