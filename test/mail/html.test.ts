import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readHtml } from "../../src/mail/html.ts";
import { cpuOf } from "./letters.ts";

describe("X-13 text that a person would not see", () => {
  it.each<[string, string]>([
    ["display:none", '<div style="display:none">SECRET</div>'],
    ["display:none in capitals and with !important", '<div STYLE="Display : NONE !important">SECRET</div>'],
    ["display:none spelled in entities", '<div style="display&#58;n&#x6f;ne">SECRET</div>'],
    ["visibility:hidden", "<p style='visibility:hidden'>SECRET</p>"],
    ["font-size:0", '<span style="font-size:0">SECRET</span>'],
    ["font-size:1px", '<span style="font-size:1px;color:#333">SECRET</span>'],
    ["a font shorthand of no size", '<span style="font:0/0 a">SECRET</span>'],
    ["font-size:0.01em", '<span style="font-size:.01em">SECRET</span>'],
    ["opacity:0", '<div style="opacity:0">SECRET</div>'],
    ["white on white", '<font color="#FFFFFF">SECRET</font>'],
    ["nearly white on white", '<span style="color:#fefefe">SECRET</span>'],
    ["rgb white on white", '<span style="color:rgb(255, 255, 255)">SECRET</span>'],
    ["black on black", '<td bgcolor="black" style="color:#000">SECRET</td>'],
    ["transparent text", '<span style="color:rgba(0,0,0,0)">SECRET</span>'],
    ["text off the screen to the left", '<div style="position:absolute;left:-9999px">SECRET</div>'],
    ["text-indent", '<div style="text-indent:-9999px">SECRET</div>'],
    ["a box of no height", '<div style="max-height:0;overflow:hidden">SECRET</div>'],
    ["a clipped box", '<div style="clip:rect(0 0 0 0);position:absolute">SECRET</div>'],
    ["a clip path", '<div style="clip-path:inset(100%)">SECRET</div>'],
    ["a scaled box", '<div style="transform:scale(0)">SECRET</div>'],
    ["mso-hide", '<div style="mso-hide:all">SECRET</div>'],
    ["the hidden attribute", "<div hidden>SECRET</div>"],
    ["aria-hidden", '<div aria-hidden="true">SECRET</div>'],
    ["a comment", "<!-- SECRET -->"],
    ["a conditional comment", "<!--[if mso]>SECRET<![endif]-->"],
    ["a processing instruction", "<?SECRET ?>"],
    ["an end tag that is none", "</ SECRET>"],
    ["a script", "<script>SECRET</script>"],
    ["a title", "<title>SECRET</title>"],
    ["a template", "<template><b>SECRET</b></template>"],
    ["a class of the style sheet", "<style>.x{display:none}</style><b class='y x'>SECRET</b>"],
    ["a style sheet that comes later", "<b id=z>SECRET</b><style>/* } */ #z , h6{ visibility : hidden }</style>"],
    ["an element of the style sheet", "<style>@media print{a{b:c}} u{font-size:0}</style><u>SECRET</u>"],
    ["an element inside a hidden one", '<div style="display:none"><p style="display:block"><b>SECRET</b></p></div>'],
    ["unclosed hidden elements", '<div style="display:none"><p>SECRET'],
    ["!IMPORTANT in capitals and apart", '<p style="display:none ! IMPORTANT">SECRET</p>'],
    ["what is important before what is later", '<p style="display:none!important;display:block">SECRET</p>'],
    ["a later display that nobody knows", '<p style="display:none;display:shown">SECRET</p>'],
    ["a comment in a style", '<p style="/**/display:/* */none">SECRET</p>'],
    ["escapes in a style", '<p style="d\\69 splay:n\\06fne">SECRET</p>'],
    ["a style after hundreds of others", `<p style="${"a:b;".repeat(2_000)}display:none">SECRET</p>`],
    [
      "a style after hundreds of attributes",
      `<p ${Array.from({ length: 300 }, (_, at) => `a${at}`).join(" ")} style="display:none">SECRET</p>`,
    ],
    ["a class after many others", `<style>.x{display:none}</style><p class="${"a  ".repeat(50)}x">SECRET</p>`],
    ["a class spelled in entities", '<style>.x{display:none}</style><p class="&#00000000120;">SECRET</p>'],
    [
      "a rule after thousands of others",
      `<style>${Array.from({ length: 6_000 }, (_, at) => `.a${at}{color:red}`).join("")}.x{display:none}</style><p class=x>SECRET</p>`,
    ],
    ["a selector after many others", `<style>${"a,".repeat(200)}.x{display:none}</style><p class=x>SECRET</p>`],
    ["a style sheet in the marks of a comment", "<style><!-- .x{display:none} --></style><p class=x>SECRET</p>"],
    ["a rule after a statement", '<style>@charset "utf-8";@import url(x);.x{display:none}</style><p class=x>SECRET</p>'],
    ["text moved off the screen", '<p style="position:relative;left:-9999px">SECRET</p>'],
    ["text shifted off the screen", '<p style="transform:translateX(-9999px)">SECRET</p>'],
    ["a box scaled to a line", '<p style="transform:scale(0, 1)">SECRET</p>'],
    ["a clipped box of no height", '<p style="max-height:0;overflow:clip">SECRET</p>'],
    ["percentages of white", '<p style="color:rgb(100% 100% 100%)">SECRET</p>'],
    ["the words for a picture that is not shown", '<img style="display:none" alt="SECRET">'],
    ["text below 500 levels", `${"<b>".repeat(600)}SECRET`],
  ])("%s", (_name, markup) => {
    const { visible, hidden } = readHtml(`<p>before</p>${markup}`);
    expect(visible).toBe("before");
    expect(hidden.join(" ")).toContain("SECRET");
  });

  it.each<[string, string]>([
    ["after a hidden element", '<div style="display:none">x</div>SHOWN'],
    [
      "of a set size in a box of no size, as newsletters are built",
      '<td style="font-size:0px"><div style="font-size:13px">SHOWN</div></td>',
    ],
    ["made visible again", '<div style="visibility:hidden"><b style="visibility:visible">SHOWN</b></div>'],
    ["white on black", '<td bgcolor="#000000"><font color="white">SHOWN</font></td>'],
    ["white on a dark class", '<style>.d{background:#111}</style><div class="d"><span style="color:#fff">SHOWN</span></div>'],
    ["white on a picture", '<td background="x.png"><font color="white">SHOWN</font></td>'],
    ["hidden on small screens only", "<style>@media (max-width:600px){.d{display:none}}</style><b class=d>SHOWN</b>"],
    ["shifted a little, as buttons are centred", '<p style="position:relative;left:-50px;transform:translate(-50%,-50%)">SHOWN</p>'],
    ["hidden and shown again in one style", '<p style="display:none;display:inline-block!important">SHOWN</p>'],
    ["in a table with relative width", '<div style="width:1em;overflow:hidden">SHOWN</div>'],
    ["of a picture that is not loaded", '<img src="x" alt="SHOWN">'],
    ["of a form", "<textarea>SHOWN</textarea>"],
    ["behind an empty comment", "<!-->SHOWN<!-- -->"],
    ["of noscript, which mail programs show", "<noscript>SHOWN</noscript>"],
    ["outside of body and html", "<html><body>x</body></html>SHOWN"],
  ])("is not text %s", (_name, markup) => {
    const { visible, hidden } = readHtml(markup);
    expect(visible).toContain("SHOWN");
    expect(hidden.join(" ")).not.toContain("SHOWN");
  });

  it("keeps stretches apart and decodes their entities", () => {
    expect(readHtml("<i hidden>a &lt;b&gt;</i>x<i hidden>c &amp; d</i>").hidden).toEqual(["a <b>", "c & d"]);
  });
});

describe("visible text of HTML", () => {
  it.each<[string, string]>([
    ["<p>one</p><p>two</p>", "one\n\ntwo"],
    ["one<br>two<br><br>three", "one\ntwo\n\nthree"],
    ["<ul><li>one<li>two</ul>", "one\ntwo"],
    ["<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"],
    ["a &amp; b &lt;c&gt; &#8364; &eacute;", "a & b <c> € é"],
    ["  a \r\n\t b  ", "a b"],
    ["1 < 2 && 3 > 2", "1 < 2 && 3 > 2"],
    ['<a href="https://x.example/?a=1&amp;b=2">here</a>', "here [https://x.example/?a=1&b=2]"],
    ['<a href="https://x.example/">https://x.example/</a>', "https://x.example/"],
    ['<a href="javascript:alert(1)">here</a>', "here"],
    ["<pre>a\n  b</pre>", "a\nb"],
    ['<b title="</b>">x</b>', "x"],
    ["<h1>Title</h1>text", "Title\n\ntext"],
    ["", ""],
  ])("of %j", (html, text) => {
    expect(readHtml(html).visible).toBe(text);
  });

  it("and hidden text together hold every word of the text", () => {
    const piece = fc.constantFrom(
      "<div>",
      "</div>",
      "<b hidden>",
      "</b>",
      "<!--",
      "-->",
      "<p style='display:none'>",
      "</p>",
      "<br>",
      "&amp;",
      "word ",
      "<td>",
      '"',
      "<",
      ">",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const { visible, hidden } = readHtml(`${pieces.join("")} <p>last</p>`);
        expect([visible, ...hidden].join(" ")).toContain("last");
      }),
      { numRuns: 300 },
    );
  });

  it("takes elements, colours and styles named like members of objects for what they are", () => {
    const names = ["constructor", "valueof", "tostring", "hasownproperty"];
    for (const name of names) {
      expect(readHtml(`<p>a</p><${name} style="color:${name};${name}:none" class="${name}">b</${name}>`).visible).toMatch(/^a\s+b$/);
    }
  });

  it("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => void readHtml(text)),
      { numRuns: 150 },
    );
  });
});

describe("HTML made to be slow", () => {
  it.each<[string, string]>([
    ["100,000 nested elements", "<b>".repeat(100_000)],
    ["nested and closed elements", "<div>".repeat(200_000) + "</div>".repeat(200_000)],
    ["end tags of nothing", "</b>".repeat(6_000_000)],
    ["unclosed paragraphs", "<p>x".repeat(500_000)],
    ["unclosed table cells", "<table><tr><td>x".repeat(120_000)],
    ["open brackets", "<".repeat(2_000_000)],
    ["open tags", "<a ".repeat(1_000_000)],
    ["open comments", "<!--".repeat(1_000_000)],
    ["comments", "<!--x-->".repeat(250_000)],
    ["attributes", `<b ${"a=b ".repeat(400_000)}>x`],
    ["quotes", '<b a="'.repeat(300_000)],
    ["style attributes", '<b style="color:red;font:1px/2px x">x'.repeat(50_000)],
    ["entities in style attributes", '<b style="&amp;&#58;">x'.repeat(80_000)],
    ["style rules", `<style>${".a{color:red}".repeat(150_000)}</style>`],
    ["at rules", `<style>${"@{".repeat(500_000)}</style>`],
    ["style elements", "<style>x</style>".repeat(120_000)],
    ["titles without end", "<title>".repeat(250_000)],
    ["ampersands", "&".repeat(2_000_000)],
    ["25 MiB of text", "word ".repeat(5_242_880)],
  ])("of %s is read within a second or so", async (_name, html) => {
    expect(await cpuOf(() => readHtml(html))).toBeLessThan(5_000);
  });

  it("beyond two million characters counts as hidden", () => {
    const { visible, hidden } = readHtml(`<p>shown</p>${" ".repeat(2_000_000)}LATE`);
    expect(visible).toBe("shown");
    expect(hidden.join("")).toContain("LATE");
  });
});
