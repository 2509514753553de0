import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readHtml } from "../../src/mail/html.ts";
import { renderMarkdown } from "../../src/mail/markdown.ts";
import { readTag } from "../../src/mail/tag.ts";

const render = (markdown: string) => {
  const rendered = renderMarkdown(markdown);
  if (rendered === null) throw new Error("not rendered");
  return rendered;
};
const body = (markdown: string): string => /<body>\n([\s\S]*)<\/body>/.exec(render(markdown).html)?.[1] ?? "";
const text = (markdown: string): string => render(markdown).text;

describe("Markdown as text", () => {
  it.each([
    ["headings", "# One\n## Two\n### Three", "One\n===\n\nTwo\n---\n\nThree\n"],
    ["emphasis", "**a** _b_ ~~c~~ `d*e`", "a b c d*e\n"],
    ["a link", "see [the plan](https://a.example/plan)", "see the plan (https://a.example/plan)\n"],
    ["a link that is its text", "<https://a.example/x> and me@a.example", "https://a.example/x and me@a.example\n"],
    ["an image", "![a chart](https://a.example/c.png)", "a chart (https://a.example/c.png)\n"],
    ["a list", "- a\n- b\n  - c\n\n1. x\n2. y", "- a\n- b\n  - c\n\n1. x\n2. y\n"],
    ["a list that starts later", "3. x\n4. y", "3. x\n4. y\n"],
    ["tasks", "- [x] done\n- [ ] open", "- [x] done\n- [ ] open\n"],
    ["a quotation", "> a\n> b\n>\n> > c", "> a\n> b\n>\n> > c\n"],
    ["code", "```js\na <b>\n\n  c\n```", "    a <b>\n\n      c\n"],
    ["a table", "| a | b |\n|---|---|\n| 1 | **2** |", "a | b\n-----\n1 | 2\n"],
    ["lines", "a\nb  \nc\n\n---\n\nd", `a\nb\nc\n\n${"-".repeat(40)}\n\nd\n`],
    ["HTML", "<b>a</b> <!-- c --> &lt; &amp; &#65; &unknown;", "<b>a</b> <!-- c --> < & A &unknown;\n"],
    ["nothing", "", ""],
  ])("MM-08 %s", (_, markdown, expected) => {
    expect(text(markdown)).toBe(expected);
  });
});

describe("Markdown as HTML", () => {
  it.each([
    ["headings", "# One *two*", "<h1>One <em>two</em></h1>\n"],
    ["a list", "- a\n- b", "<ul>\n<li>a\n</li>\n<li>b\n</li>\n</ul>\n"],
    ["a list that starts later", "3. a", '<ol start="3">\n<li>a\n</li>\n</ol>\n'],
    ["a link", '[a](https://b.example/?x="&y=1)', '<p><a href="https://b.example/?x=%22&amp;y=1">a</a></p>\n'],
    ["an address", "<a@b.example>", '<p><a href="mailto:a@b.example">a@b.example</a></p>\n'],
    ["an image", "![alt](https://b.example/i.png)", '<p><a href="https://b.example/i.png">alt</a></p>\n'],
    ["an image in a link", "[![alt](https://b.example/i.png)](https://c.example)", '<p><a href="https://c.example/">alt</a></p>\n'],
    ["code", "`<b>` and\n\n```\n<script>\n```", "<p><code>&lt;b&gt;</code> and</p>\n<pre><code>&lt;script&gt;\n</code></pre>\n"],
  ])("MM-08 %s", (_, markdown, expected) => {
    expect(body(markdown)).toBe(expected);
  });

  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a <b onclick=x>b</b>",
    "<!-- hidden -->",
    "<style>p{display:none}</style>",
    "<div\nstyle=x>",
    "<?php x ?>",
    "<![CDATA[x]]>",
    "`a`<b>",
  ])("raw HTML is text: %s", (markdown) => {
    expect(readHtml(render(markdown).html).visible.replaceAll(/\s/g, "")).toBe(markdown.replaceAll("`", "").replaceAll(/\s/g, ""));
    expect(readHtml(render(markdown).html).hidden).toEqual([]);
  });

  it.each([
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java&#x09;script:alert(1))",
    "[a](data:text/html,x)",
    "[a](vbscript:x)",
    "[a](file:///etc/passwd)",
    "[a](/relative)",
    "[a](//b.example/x)",
    "[a](ftp://b.example)",
    "[a](https://paypal.example@b.example/)",
    "[a](http://)",
    "[a](mailto:)",
    "![a](cid:x)",
    `[a](https://b.example/${"x".repeat(2_000)})`,
  ])("is no link: %.60s", (markdown) => {
    expect(body(markdown)).toBe("<p>a</p>\n");
    expect(text(markdown)).toBe("a\n");
  });

  it("a link leads to the host it names, in A-labels, in both readings", () => {
    const markdown = "[shop](https://bücher.example/ä)";
    expect(body(markdown)).toContain('href="https://xn--bcher-kva.example/%C3%A4"');
    expect(text(markdown)).toContain("(https://xn--bcher-kva.example/%C3%A4)");
  });
});

/** Every tag of a document that is not an end tag, with its attributes. */
function tagsOf(html: string): { readonly name: string; readonly attributes: ReadonlyMap<string, string> }[] {
  const tags = [];
  for (let at = html.indexOf("<"); at !== -1; at = html.indexOf("<", at + 1)) tags.push(readTag(html, at + 1));
  return tags.filter(({ name }) => name !== "" && !name.startsWith("!"));
}

const OURS = new Set(
  "html head meta body h1 h2 h3 h4 h5 h6 p pre code blockquote ul ol li table tr th td hr br strong em del a".split(" "),
);
const pieces = fc.constantFrom(
  ..."# |- |> |1. |* |** |_ |` |``` |\n|\n\n|  |    |[|](|)|![|<|>|</|script|<b>|&lt;|&#60;|&|\"|'|javascript:|https://a.example|\\|~~|a|ü|<!--|-->|[x] |www.a.example|:-:".split(
    "|",
  ),
  "|",
);

describe("hostile Markdown", () => {
  it("of any kind makes only our own tags, web and mail links, and nothing hidden", () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const { html } = render(parts.join(""));
        for (const { name, attributes } of tagsOf(html)) {
          expect(OURS).toContain(name);
          for (const [attribute, value] of attributes) {
            expect(["href", "start", "align", "border", "cellpadding", "style", "charset"]).toContain(attribute);
            if (attribute === "href") expect(value).toMatch(/^(?:https?:\/\/[a-z0-9.-]|mailto:)/);
            if (attribute === "style") expect(value).toBe("border-collapse:collapse");
          }
        }
        expect(readHtml(html).hidden).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ["a wide table with many rows", `${"|a".repeat(2_000)}|\n${"|-".repeat(2_000)}|\n${"|\n".repeat(2_000)}`],
    ["a long target named often", `[a]: https://a.example/${"x".repeat(1_900)}\n\n${"[a] ".repeat(60_000)}`],
    ["quotations in quotations", `${"> ".repeat(200)}a`],
    ["what costs the square of its length", "_a".repeat(250_000)],
    ["levels that overflow the stack", ">".repeat(400_000)],
  ])("%s is given up in time", (_, markdown) => {
    // Four tries of three seconds at the most, under the fifteen after which the thread itself is given up.
    const started = performance.now();
    expect(renderMarkdown(markdown)).toBeNull();
    expect(performance.now() - started).toBeLessThan(14_000);
    // What was broken off leaves nothing behind.
    expect(text("*a* [b](https://c.example)")).toBe("a b (https://c.example/)\n");
  });

  it("half a megabyte of honest Markdown is rendered", () => {
    const markdown = "Dear **all**, see [this](https://a.example/x).\n\n- one\n- two\n\n".repeat(8_000);
    expect(text(markdown).length).toBeGreaterThan(400_000);
  });
});
