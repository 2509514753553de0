import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEntry, recipientList } from "../../policies/recipients.ts";

const ADDRESSES = ["a@x.example", "b@x.example", "a@y.x.example", "a@z.y.x.example", "a@example", "a@other.test"];
const ENTRIES = ["a@x.example", "x.example", "*.x.example", "y.x.example", "*.y.x.example", "*.example", "example", "a@y.x.example", "*"];

describe("an entry", () => {
  it.each([
    ["Anna@ACME.example", "anna@acme.example"],
    ["München.example", "xn--mnchen-3ya.example"],
    ["*.MÜNCHEN.example", "*.xn--mnchen-3ya.example"],
    ["*", "*"],
  ])("%s is %s", (text, normal) => {
    expect(parseEntry(text)).toBe(normal);
    expect(parseEntry(normal)).toBe(normal);
  });

  it.each([
    "",
    "@",
    "@acme.example",
    "anna@",
    "*@acme.example",
    "anna@*",
    "*.",
    "*acme.example",
    "*.*.example",
    "a.*.example",
    "Anna <anna@acme.example>",
    "anna@[192.0.2.1]",
    "acme..example",
    "a b",
  ])("%j is none", (text) => {
    expect(text === "*@acme.example" ? recipientList([parseEntry(text) ?? ""]).has("anna@acme.example") : parseEntry(text)).toBeFalsy();
  });
});

describe("a list", () => {
  it("names whom one of its entries names", () => {
    fc.assert(
      fc.property(fc.subarray(ENTRIES), fc.constantFrom(...ADDRESSES), (entries, address) => {
        const domain = address.slice(2);
        const named = entries.some(
          (entry) =>
            entry === "*" ||
            entry === address ||
            entry === domain ||
            (entry.startsWith("*.") && (domain === entry.slice(2) || domain.endsWith(entry.slice(1)))),
        );
        expect(recipientList(entries).has(address)).toBe(named);
      }),
      { numRuns: 150 },
    );
  });

  it("covers an entry only when it names everybody the entry names", () => {
    fc.assert(
      fc.property(fc.subarray(ENTRIES), fc.constantFrom(...ENTRIES), (entries, entry) => {
        const [list, one] = [recipientList(entries), recipientList([entry])];
        if (!list.covers(entry)) return;
        for (const address of [...ADDRESSES, "new@x.example", "new@n.y.x.example"])
          if (one.has(address)) expect(list.has(address)).toBe(true);
        expect(recipientList([...entries, entry]).covers(entry)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
