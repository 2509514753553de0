import { RE2JS } from "re2js";

/**
 * Where an expression that occurs in a text occurs. Finding the bounds of a match costs up to a hundred times more than
 * knowing that there is one, so the neighbourhood is narrowed down by tests first. Null when the match is longer than
 * the neighbourhood: the finding then stands without a span.
 */
export function locate(expression: string, text: string): { readonly start: number; readonly end: number } | null {
  const pattern = RE2JS.compile(expression);
  const wide = narrow(pattern, text, { start: 0, end: text.length }, 8_192);
  const close = narrow(pattern, text, wide, 1_024);
  return find(pattern, text, close) ?? find(pattern, text, wide);
}

interface Window {
  readonly start: number;
  readonly end: number;
}

/** The first of the overlapping windows of twice `step` in which the pattern occurs; the window itself when none has it. */
function narrow(pattern: RE2JS, text: string, window: Window, step: number): Window {
  if (window.end - window.start <= 2 * step) return window;
  for (let start = window.start; start < window.end; start += step) {
    const end = Math.min(window.end, start + 2 * step);
    if (pattern.test(text.slice(start, end))) return { start, end };
  }
  return window;
}

function find(pattern: RE2JS, text: string, window: Window): Window | null {
  if (window.end - window.start > 16_384) return null;
  const matcher = pattern.matcher(text.slice(window.start, window.end));
  if (!matcher.find()) return null;
  const start = window.start + matcher.start();
  const end = window.start + matcher.end();
  // At a cut, `^`, `$` and `\b` see an end that the text does not have.
  const cut = (start === window.start && start > 0) || (end === window.end && end < text.length);
  return cut ? null : { start, end };
}
