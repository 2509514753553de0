import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { quoted } from "../../src/cli/pending-content.ts";
import { formatFields, formatTable, type Column } from "../../src/cli/table.ts";
import { fit, fold, pad, printable, printableJson, printableLines, width, wrap } from "../../src/cli/text.ts";

/** Any code points, lone surrogates among them. */
const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 30 }).map((points) => String.fromCodePoint(...points));

const ACTIVE = /[\p{Cc}\p{Cf}]/u;

describe("text from strangers", () => {
  it("shows escape sequences instead of obeying them", () => {
    expect(printable("\u001b[2J\u001b]0;owned\u0007 hi\r\n")).toBe("\\u{1b}[2J\\u{1b}]0;owned\\u{7} hi\\u{d}\\u{a}");
    expect(printable("invoice\u202efdp.exe")).toBe("invoice\\u{202e}fdp.exe");
  });

  it("keeps ordinary writing of any language", () => {
    for (const text of ["Lunch?", "Mittagessen für Ärzte", "昼食", "обед", "ab́c", "🙂"]) expect(printable(text)).toBe(text);
  });

  it("holds no active character, whatever it held before", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).not.toMatch(ACTIVE);
        expect(printableLines(text).replaceAll(/[\n\t]/g, "")).not.toMatch(ACTIVE);
      }),
    );
  });

  it("a JSON document says the same with every active character escaped", () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (document) => {
        const text = printableJson({ document });
        expect(text.replaceAll("\n", "")).not.toMatch(ACTIVE);
        expect(JSON.parse(text)).toEqual({ document: { ...document } });
      }),
    );
  });
});

describe("cells", () => {
  it("counts wide characters twice and colours not at all", () => {
    expect(width("昼食")).toBe(4);
    expect(width("\u001b[31mred\u001b[39m")).toBe(3);
    expect(pad("昼", 4)).toBe("昼  ");
  });

  it("cuts to the room there is, never through a character", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }).map(printable), fc.integer({ min: 1, max: 30 }), (text, cells) => {
        expect(width(fit(text, cells))).toBeLessThanOrEqual(cells);
      }),
    );
    expect(fit("昼食会", 4)).toBe("昼…");
  });

  it("wraps at spaces and loses no word", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1 }), fc.integer({ min: 9, max: 40 }), (words, cells) => {
        const lines = wrap(words.join(" "), cells);
        expect(lines.join(" ")).toBe(words.join(" "));
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(cells);
      }),
    );
  });
});

interface Row {
  readonly id: string;
  readonly name: string;
  readonly subject: string;
}
const COLUMNS: readonly Column<Row>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name, min: 6 },
  { title: "SUBJECT", value: ({ subject }) => subject, min: 8, style: (text) => `\u001b[31m${text}\u001b[39m` },
];
const ROW = { id: "msg_0123456789", name: "boss@acme.example", subject: "About lunch on Friday" };

describe("tables", () => {
  it("are as wide as they need where nobody looks", () => {
    const [heading, line] = stripVTControlCharacters(formatTable(COLUMNS, [ROW], null)).split("\n");
    expect(heading).toBe("ID              NAME               SUBJECT");
    expect(line).toBe("msg_0123456789  boss@acme.example  About lunch on Friday");
  });

  it("cut the widest column first and never an id", () => {
    const lines = stripVTControlCharacters(formatTable(COLUMNS, [ROW], 44)).split("\n");
    expect(lines[1]).toBe("msg_0123456789  boss@acme.ex…  About lunch …");
  });

  it("take two lines a row where the terminal is too narrow", () => {
    const lines = stripVTControlCharacters(formatTable(COLUMNS, [ROW], 30)).split("\n");
    expect(lines).toEqual(["ID", "  NAME           SUBJECT", "msg_0123456789", "  boss@acme.ex…  About lunch …"]);
  });

  it("stay within the terminal, whatever the rows hold", () => {
    const rows = fc.array(fc.record({ id: fc.constant(ROW.id), name: anyText, subject: fc.string({ unit: "grapheme" }) }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(rows, fc.integer({ min: 30, max: 120 }), (items, cells) => {
        for (const line of formatTable(COLUMNS, items, cells).split("\n")) expect(width(line)).toBeLessThanOrEqual(cells);
      }),
    );
  });

  it("fields wrap beside their name", () => {
    const text = formatFields([["reason", "one two three four five six seven"], ["none", null]], 30); // prettier-ignore
    expect(text).toBe("reason  one two three four\n        five six seven");
  });
});

describe("what strangers wrote, in a terminal", () => {
  it("folds whole: every line fits, and nothing but spaces between words is lost", () => {
    fc.assert(
      fc.property(anyText.map(printable), fc.integer({ min: 10, max: 80 }), (text, cells) => {
        const lines = fold(text, cells);
        for (const line of lines) expect(width(line)).toBeLessThanOrEqual(cells);
        expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      }),
    );
  });

  it("X-13 stands behind a bar in every line, whatever it is", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 20, max: 80 }), (text, cells) => {
        for (const line of quoted({ cells }, text)) {
          expect(line).toMatch(/^ {2}│( |$)/);
          expect(line).not.toMatch(ACTIVE);
          expect(width(line)).toBeLessThanOrEqual(cells);
        }
      }),
    );
  });

  it("a value cut in its field does not begin a line of ours", () => {
    const value = `x${"\u00a0".repeat(30)}approved`;
    const text = formatFields([["subject", value], ["id", "msg_1"]], 36, fold); // prettier-ignore
    expect(text.split("\n").map((line) => line.trimStart().slice(0, 8))).toEqual(["subject ", "approved", "id      "]);
    expect(text.split("\n")[1]).toMatch(/^ {9}/);
  });
});
