import { domainToASCII } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { foldAddress, foldDomain, formatAddress, parseAddress, splitTag } from "../../src/mail/address.ts";
import { readMailboxField } from "../../src/mail/mailbox.ts";
import { cpuOf } from "./letters.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const domain = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 3 }), fc.constantFrom("example", "test", "org", "de"))
  .map(([labels, top]) => [...labels, top].join("."));
const local = fc.string({ unit: fc.constantFrom(...'abcXYZ019.+-_ "\\@<>(),;:éßКИ'), minLength: 1, maxLength: 20 });

describe("one address", () => {
  it.each([
    ["boss@acme.example", { local: "boss", domain: "acme.example" }],
    ["Boss.Two+tag@Acme.Example", { local: "Boss.Two+tag", domain: "Acme.Example" }],
    ['"john smith"@acme.example', { local: "john smith", domain: "acme.example" }],
    ['"a\\"b\\\\c"@acme.example', { local: 'a"b\\c', domain: "acme.example" }],
    ["jürgen@bücher.example", { local: "jürgen", domain: "bücher.example" }],
  ])("is read from %s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
  });

  it.each([
    "",
    "@",
    "boss",
    "boss@",
    "@acme.example",
    "a@b@acme.example",
    "a b@acme.example",
    "a..b@acme.example",
    ".a@acme.example",
    "a.@acme.example",
    "<a@acme.example>",
    "a@acme.example ",
    "a@acme.example.",
    "a@acme..example",
    "a@-acme.example",
    "a@acme.example\r\n",
    "a\0@acme.example",
    "a@ac\0me.example",
    "a@[192.0.2.1]",
    "a@192.0.2.1",
    "a@0x7f.0x1",
    "a@acme.example/x",
    "a@acme%2eexample",
    "a@acme.example:25",
    '"a@acme.example',
    '"a"b@acme.example',
    '"a"@',
    "@relay.example:a@acme.example",
    "a(comment)@acme.example",
    "a\u00a0b@acme.example",
    "a\u200b@acme.example",
    "boss\u2060@acme.example",
    "bo\u00adss@acme.example",
    "boss\ufe0f@acme.example",
    "boss\u{e0069}\u{e0067}@acme.example",
    '"boss\u{e0069}"@acme.example',
    "boss\u3164@acme.example",
    "a@ac\u200bme.example\ud800",
    `${"a".repeat(129)}@acme.example`,
    `a@${"a".repeat(64)}.example`,
    `a@${"a.".repeat(130)}example`,
  ])("is not %j", (text) => {
    expect(parseAddress(text)).toBeNull();
    expect(foldAddress(text)).toBeNull();
  });

  it("is the same after formatting and reading", () => {
    fc.assert(
      fc.property(local, domain, (name, host) => {
        expect(parseAddress(formatAddress({ local: name, domain: host }))).toEqual({ local: name, domain: host });
      }),
    );
  });

  it("is read or refused, never thrown at, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        const folded = foldAddress(text);
        if (folded !== null) expect(foldAddress(folded)).toBe(folded);
      }),
      { numRuns: 300 },
    );
  });
});

describe("folding for matching", () => {
  it("lowers the local part and turns the domain into A-labels", () => {
    expect(foldAddress("Boss@ACME.Example")).toBe("boss@acme.example");
    expect(foldAddress("Info@BÜCHER.example")).toBe("info@xn--bcher-kva.example");
    expect(foldDomain("Bücher.Example")).toBe("xn--bcher-kva.example");
    expect(foldDomain("XN--BCHER-KVA.example")).toBe("xn--bcher-kva.example");
  });

  it("is in the form the URL standard gives a host, or none", () => {
    const name = fc.string({ unit: fc.constantFrom(..."ax0719.-", "xn--", "0x"), maxLength: 20 });
    fc.assert(
      fc.property(name, (text) => {
        expect([domainToASCII(text), null]).toContain(foldDomain(text));
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(domain, (text) => {
        expect(foldDomain(text)).toBe(domainToASCII(text));
      }),
    );
  });

  it("takes a quoted local part for the same as an unquoted one", () => {
    expect(foldAddress('"Boss"@acme.example')).toBe("boss@acme.example");
  });

  it("keeps the Kelvin sign apart from k", () => {
    expect(foldAddress("\u212aate@acme.example")).not.toBe("kate@acme.example");
  });

  it("does not depend on letter case and is idempotent", () => {
    fc.assert(
      fc.property(local, domain, (name, host) => {
        const text = formatAddress({ local: name, domain: host });
        const folded = foldAddress(text);
        expect(folded).not.toBeNull();
        expect(foldAddress(folded ?? "")).toBe(folded);
        expect(foldAddress(formatAddress({ local: name, domain: host.toUpperCase() }))).toBe(folded);
      }),
    );
  });
});

describe("a tag", () => {
  it.each([
    ["boss+travel", { base: "boss", tag: "travel" }],
    ["boss+a+b", { base: "boss", tag: "a+b" }],
    ["boss+", { base: "boss", tag: "" }],
    ["boss", { base: "boss", tag: null }],
    ["+boss", { base: "+boss", tag: null }],
  ])("of %s is split at the first plus", (text, split) => {
    expect(splitTag(text)).toEqual(split);
  });
});

describe("a field that holds one mailbox", () => {
  it.each([
    ["boss@acme.example", "boss@acme.example"],
    ["<boss@acme.example>", "boss@acme.example"],
    ['"The Boss" <boss@acme.example>', "boss@acme.example"],
    ["John Q. Public <jq@acme.example>", "jq@acme.example"],
    ["boss@acme.example (The Boss)", "boss@acme.example"],
    ["(a (nested) one) Boss <boss@acme.example> (there)", "boss@acme.example"],
    ['"x@evil.example, y" <boss@acme.example>', "boss@acme.example"],
    ["=?utf-8?q?x=40evil.example?= <boss@acme.example>", "boss@acme.example"],
    ['<"john smith"@acme.example>', '"john smith"@acme.example'],
  ])("%s", (value, address) => {
    expect(readMailboxField(value)).toEqual({ kind: "one", address });
  });

  it.each([
    ["a@b.example, c@d.example", "several_addresses"],
    ["a@b.example,", "several_addresses"],
    ["Team: a@b.example, c@d.example;", "group"],
    ["undisclosed-recipients:;", "group"],
    ["", "malformed"],
    ["Boss", "malformed"],
    ["<any@a.example>b@c.example", "malformed"],
    ["<a@b.example><c@d.example>", "malformed"],
    ["boss@acme.example <x@evil.example>", "malformed"],
    ["<<a@b.example>>", "malformed"],
    ["<@relay.example,@b.example:c@d.example>", "malformed"],
    ['"unterminated <a@b.example>', "malformed"],
    ["(unterminated a@b.example", "malformed"],
    ["a@b.example)", "malformed"],
    ["=?utf-8?b?Ym9zc0BhY21lLmV4YW1wbGU=?=", "malformed"],
  ])("is not %s", (value, why) => {
    expect(readMailboxField(value)).toEqual({ kind: "not_one", why });
  });

  it("reads any text in linear time", async () => {
    for (const text of ["(", "<", '"', '<"', "\\", "a@", "()", '""', "(\\"]) {
      expect(await cpuOf(() => readMailboxField(text.repeat(60_000)))).toBeLessThan(1_000);
    }
  });
});
