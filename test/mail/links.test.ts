import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readLinks } from "../../src/mail/links.ts";
import { cpuOf } from "./letters.ts";

const one = (text: string, href: string) => readLinks(`<p>see <a href="${href}">${text}</a> now</p>`)[0];

describe("links", () => {
  it("MM-11 are shown with their text and where they really go", () => {
    const html =
      "<a href='https://B&uuml;cher.example/a?b=1&amp;c=2'>Tom &amp; <b>Jerry</b></a> <!-- <a href='x'>y</a> --> " +
      '<A HREF=mailto:a@b.example>write</A> <a name="x">no link</a> <a href="/x"><img alt="logo"></a>';
    expect(readLinks(html)).toEqual([
      { text: "Tom & Jerry", href: "https://xn--bcher-kva.example/a?b=1&c=2", differs: false },
      { text: "write", href: "mailto:a@b.example", differs: false },
      { text: "logo", href: "/x", differs: false },
    ]);
  });

  it.each([
    ["https://bank.example/login", "https://evil.example/login"],
    ["bank.example", "https://evil.example/"],
    ["www.bank.example.", "https://evil.example/bank.example"],
    ["go to bank.example now", "https://bank.example.evil.example/"],
    ["BANK.example", "http://evil.example/"],
    ["bank。example", "https://evil.example/"],
    ["ba&#8203;nk.exam&shy;ple", "https://evil.example/"],
    ["рaypal.example", "https://paypal.example/"],
    ["(bank.example)", "https://evil.example/"],
    ["https:\\\\bank.example", "https://evil.example/"],
    ["boss@bank.example", "https://evil.example/"],
    ["boss@bank.example", "mailto:evil@bank.example"],
    ["mailto:boss@bank.example", "mailto:boss@evil.example"],
    ["bank.example", "mailto:boss@evil.example"],
    ["report.pdf at bank.example", "https://evil.example/report.pdf"],
  ])("%s, which leads to %s, differs", (text, href) => {
    expect(one(text, href)).toMatchObject({ differs: true });
  });

  it.each([
    ["https://bank.example/login", "https://bank.example/other"],
    ["Bank.example", "https://www.bank.example/"],
    ["www.bank.example", "https://bank.example/"],
    ["bücher.example", "https://xn--bcher-kva.example/"],
    ["boss@bank.example", "mailto:Boss@Bank.example?subject=hi"],
    ["click here", "https://evil.example/"],
    ["report.pdf", "https://bank.example/report.pdf"],
    ["version 1.2.3 e.g.", "https://bank.example/"],
    ["Mr. Smith", "https://bank.example/"],
    ["bank.example", "not a url"],
  ])("%s, which leads to %s, does not", (text, href) => {
    expect(one(text, href)).toMatchObject({ differs: false });
  });

  it("of any HTML are read in linear time and bounded in number", async () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(..."<a/ href=\"'>!-&;x@.") }), (html) => void readLinks(html)));
    expect(readLinks("<a href=x>y</a>".repeat(5_000))).toHaveLength(1_000);
    for (const html of [
      "<a href=x>".repeat(100_000),
      `<a href=x>${"a.".repeat(500_000)}`,
      "<a ".repeat(300_000),
      "<!--".repeat(200_000),
      `<a href=x>${"@".repeat(10_000)}`,
    ])
      expect(await cpuOf(() => void readLinks(html))).toBeLessThan(2_000);
  });
});
