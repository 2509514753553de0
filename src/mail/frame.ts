import { readDeclarations, type Appearance } from "./style.ts";
import type { StyleSheet } from "./stylesheet.ts";
import type { Tag } from "./tag.ts";

/** An open element: how text in it looks. */
export interface Frame {
  readonly name: string;
  readonly gone: boolean;
  readonly invisible: boolean;
  readonly tiny: boolean;
  readonly color: string | null;
  readonly background: string | null;
  /** Where an anchor leads. */
  readonly href: string | null;
  readonly preformatted: boolean;
}

const WHITE = "fff";
/** Black on white, before any element. */
export const PAGE: Frame = {
  name: "",
  gone: false,
  invisible: false,
  tiny: false,
  color: "000",
  background: WHITE,
  href: null,
  preformatted: false,
};

/** What the elements of one document are styled by. */
export interface Styles {
  readonly sheet: StyleSheet;
  /** By the value of a style attribute: what was read of it. The same few stand in most elements of a mail. */
  readonly inline: Map<string, Appearance>;
}

/** What an element makes of the text inside, given what it inherits. */
export function frameOf(tag: Tag, parent: Frame, styles: Styles): Frame {
  const own = appearanceOf(tag, styles);
  return {
    name: tag.name,
    gone: parent.gone || own.gone === true || tag.attributes.has("hidden") || tag.attributes.get("aria-hidden") === "true",
    invisible: own.invisible ?? parent.invisible,
    tiny: own.tiny ?? parent.tiny,
    color: own.color === undefined ? parent.color : own.color,
    background: own.background === undefined ? parent.background : own.background,
    href: tag.name === "a" ? linkOf(tag.attributes.get("href")) : null,
    preformatted: parent.preformatted || tag.name === "pre",
  };
}

const LINK_LENGTH = 500;

function linkOf(href: string | undefined): string | null {
  const link = (href ?? "").trim();
  const shown = ["http:", "https:", "mailto:", "tel:"].some((scheme) => link.slice(0, 10).toLowerCase().startsWith(scheme));
  return shown && link.length <= LINK_LENGTH ? link.replaceAll("<", "&lt;") : null;
}

function appearanceOf({ name, attributes }: Tag, { sheet, inline }: Styles): Appearance {
  if (attributes.size === 0 && sheet.size === 0) return UNSAID;
  const own: Appearance = attributeAppearance(attributes);
  if (sheet.size > 0) for (const key of selectorsOf(name, attributes)) Object.assign(own, sheet.get(key));
  const style = attributes.get("style");
  return style === undefined ? own : Object.assign(own, inlineAppearance(style, inline));
}

const UNSAID: Appearance = Object.freeze({});

function inlineAppearance(style: string, known: Styles["inline"]): Appearance {
  const before = known.get(style);
  if (before !== undefined) return before;
  const appearance = readDeclarations(decodeStyle(style));
  known.set(style, appearance);
  return appearance;
}

function* selectorsOf(name: string, attributes: Tag["attributes"]): Generator<string> {
  yield name;
  for (const word of wordsOf(attributes.get("class"))) {
    yield `.${word}`;
    yield `${name}.${word}`;
  }
  for (const word of wordsOf(attributes.get("id"))) yield `#${word}`;
}

function wordsOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : decodeStyle(value).toLowerCase().split(/\s+/);
}

const STYLE_ENTITY = /&(?:#0{0,99}(\d{1,7})|#x0{0,99}([0-9a-f]{1,6})|(colon|semi|lpar|rpar|num|period|amp|nbsp|tab|newline));?/gi;
const NAMED: Readonly<Record<string, string>> = {
  colon: ":",
  semi: ";",
  lpar: "(",
  rpar: ")",
  num: "#",
  period: ".",
  amp: "&",
  nbsp: " ",
  tab: " ",
  newline: " ",
};

/** Entities in a style attribute would hide a property from us and not from a reader of mail. */
function decodeStyle(style: string): string {
  if (!style.includes("&")) return style;
  return style.replace(STYLE_ENTITY, (_all, decimal?: string, hex?: string, named?: string) => {
    if (named !== undefined) return NAMED[named.toLowerCase()] ?? "";
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number.parseInt(decimal, 10);
    return code < 0x80 ? String.fromCharCode(code) : "";
  });
}

function attributeAppearance(attributes: ReadonlyMap<string, string>): Appearance {
  const [color, background] = [attributes.get("color"), attributes.get("bgcolor")];
  if (color === undefined && background === undefined && !attributes.has("background")) return {};
  const css = [
    color && `color:${color}`,
    background && `background-color:${background}`,
    attributes.has("background") && "background-image:url()",
  ];
  return readDeclarations(css.filter(Boolean).join(";"));
}
