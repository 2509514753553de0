import { normalColor } from "./color.ts";

// The little of CSS that decides whether a person sees a text: just what is needed to split hidden text off.

/** What one element says about its text. Absent: nothing. */
export interface Appearance {
  /** The element and all inside it are not shown (display, opacity, clipping, off-screen). */
  readonly gone?: boolean;
  // These are inherited, and an element inside may set them anew.
  readonly invisible?: boolean;
  readonly tiny?: boolean;
  /** Normalised; null when it cannot be compared, such as a gradient. */
  readonly color?: string | null;
  readonly background?: string | null;
}

/**
 * Reads `property: value; …` as browsers do: comments are nothing, escapes are characters, the important comes before the
 * later, and a `display` that nobody knows leaves the one before in force.
 */
export function readDeclarations(css: string): Appearance {
  const properties = new Map<string, string>();
  const important = new Set<string>();
  for (const declaration of unescapeCss(stripComments(css)).split(";")) {
    const colon = declaration.indexOf(":");
    if (colon === -1) continue;
    const name = declaration.slice(0, colon).trim().toLowerCase();
    const [value = "", mark] = declaration
      .slice(colon + 1)
      .toLowerCase()
      .split("!", 2)
      .map((part) => part.trim());
    if (name === "display" && !DISPLAYS.test(value)) continue;
    if (mark === "important") important.add(name);
    else if (important.has(name)) continue;
    properties.set(name, value);
  }
  return appearanceOf(properties);
}

const DISPLAYS = /^(?:none|inline|block|table|flex|grid|flow|contents|list-item|ruby|run-in|initial|inherit|unset|revert|-)/;

export function stripComments(css: string): string {
  let text = "";
  let at = 0;
  for (;;) {
    const open = css.indexOf("/*", at);
    if (open === -1) return text + css.slice(at);
    text += css.slice(at, open);
    const close = css.indexOf("*/", open + 2);
    if (close === -1) return text;
    at = close + 2;
  }
}

/** CSS Syntax §4.3.7. */
function unescapeCss(css: string): string {
  if (!css.includes("\\")) return css;
  return css.replace(/\\(?:([0-9a-f]{1,6})\s?|([^\n\r\f0-9a-f]))/gi, (_all, hex: string | undefined, character: string | undefined) => {
    const code = Number.parseInt(hex ?? "", 16);
    return character ?? (code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : "");
  });
}

function appearanceOf(properties: ReadonlyMap<string, string>): Appearance {
  const size = fontSize(properties);
  const visibility = properties.get("visibility");
  return {
    ...(isGone(properties) && { gone: true }),
    ...(visibility !== undefined && { invisible: visibility === "hidden" || visibility === "collapse" }),
    ...(size !== undefined && { tiny: size }),
    ...(properties.has("color") && { color: normalColor(properties.get("color") ?? "") }),
    ...backgroundOf(properties),
  };
}

function backgroundOf(properties: ReadonlyMap<string, string>): Pick<Appearance, "background"> {
  // Words may lie on a picture that nobody can compare with.
  if (properties.get("background-image")?.includes("(") === true) return { background: null };
  const value = properties.get("background-color") ?? properties.get("background");
  return value === undefined || value === "transparent" || value === "none" ? {} : { background: normalColor(value) };
}

function isGone(properties: ReadonlyMap<string, string>): boolean {
  const is = (name: string, ...values: string[]): boolean => values.includes(properties.get(name) ?? "");
  if (is("display", "none") || is("mso-hide", "all") || is("content-visibility", "hidden")) return true;
  if ((number(properties.get("opacity")) ?? 1) < 0.05 || properties.get("filter")?.includes("opacity(0") === true) return true;
  return isClipped(properties) || isOffScreen(properties);
}

function isClipped(properties: ReadonlyMap<string, string>): boolean {
  const shape = properties.get("clip-path") ?? "";
  if (isEmptyRect(properties.get("clip"))) return true;
  if (shape.startsWith("inset(100%") || shape.startsWith("inset(50%") || shape.startsWith("circle(0")) return true;
  if (NO_SIZE.test(properties.get("transform") ?? "")) return true;
  return FLAT.some((name) => isFlat(properties.get(name))) && /^(?:hidden|clip)/.test(properties.get("overflow") ?? "");
}

const NO_SIZE = /\bscale(?:x|y|3d)?\(\s*0(?:\.0{1,9})?\s*[,)]/;
const FLAT = ["height", "max-height", "width", "max-width"];

/** At most a pixel; `1em` and `1%` are small numbers of big units. */
function isFlat(value: string | undefined): boolean {
  const size = number(value);
  if (value === undefined || size === undefined) return false;
  return size === 0 || (size > 0 && size <= 1 && (value.endsWith("px") || value === "1"));
}

/** `rect(0 0 0 0)`, `rect(1px, 1px, 1px, 1px)`. */
function isEmptyRect(clip: string | undefined): boolean {
  if (clip?.startsWith("rect(") !== true) return false;
  const sides = clip.slice("rect(".length).replaceAll(",", " ").split(" ", 20).map(number);
  return sides.every((side) => side === undefined || Math.abs(side) <= 1);
}

const OFF_SCREEN = -400;

function isOffScreen(properties: ReadonlyMap<string, string>): boolean {
  const position = properties.get("position") ?? "";
  const moved = ["absolute", "fixed", "relative"].includes(position) ? ["left", "top", "right", "bottom"] : [];
  const [, shift] = /\btranslate(?:x|y|3d)?\(\s*(-\d{1,9})/.exec(properties.get("transform") ?? "") ?? [];
  const distances = [...moved, "text-indent", "margin-left", "margin-top"].map((name) => properties.get(name));
  return [...distances, shift].some((distance) => (number(distance) ?? 0) <= OFF_SCREEN);
}

/** True: too small to read. Undefined: not said, or not a size. */
function fontSize(properties: ReadonlyMap<string, string>): boolean | undefined {
  const value = properties.get("font-size") ?? shorthandSize(properties.get("font"));
  const size = number(value);
  if (value === undefined || size === undefined) return undefined;
  if (value.endsWith("em") || value.endsWith("%") || value.endsWith("vw")) return size / (value.endsWith("em") ? 1 : 100) < 0.1;
  return size <= 1;
}

function shorthandSize(font: string | undefined): string | undefined {
  return font
    ?.split(" ", 20)
    .find((word) => number(word) !== undefined && !WEIGHTS.has(word))
    ?.split("/")[0];
}

const WEIGHTS = new Set(["100", "200", "300", "400", "500", "600", "700", "800", "900"]);

function number(value: string | undefined): number | undefined {
  const parsed = Number.parseFloat(value ?? "");
  return Number.isNaN(parsed) ? undefined : parsed;
}
