import { types } from "node:util";
import type { Problem } from "../src/model/errors.ts";

// Error text of documents (STYLE 9): what must be, what was given, the way out.

/** A zod `error` option: `must be …, got …; fix: …`, or that the key is missing. */
export function must(be: string, fix: string): { readonly error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => (input === undefined ? `is missing, must be ${be}; fix: ${fix}` : wrong(`must be ${be}`, input, fix)) };
}

export function wrong(rule: string, value: unknown, fix: string): string {
  return `${rule}, got ${show(value)}; fix: ${fix}`;
}

/** One line of a warning, or none. */
export function when(holds: boolean, path: string, message: string): readonly Problem[] {
  return holds ? [{ path, message }] : [];
}

/** A value in back-ticks, cut to a line. */
export function show(value: unknown): string {
  const text = plainText(value);
  return `\`${text.length > 80 ? `${text.slice(0, 79)}…` : text}\``;
}

function plainText(value: unknown): string {
  if (types.isRegExp(value) || typeof value === "symbol" || typeof value === "bigint") return String(value);
  if (typeof value === "function") return "a function";
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "a value that nests too deep, or in itself";
  }
}

/** For a key that is not one of `known`: the nearest one, when a slip of the hand could have meant it. */
export function unknownKey(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== null) return `is an unknown key; fix: did you mean \`${near}\`?`;
  return `is an unknown key; fix: remove it, known here: ${known.map((name) => `\`${name}\``).join(", ")}`;
}

export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > 40) return null;
  const ranked = known
    .map((name) => ({ name, distance: editDistance(word.toLowerCase().replace(/[-_]/g, ""), name.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : null;
}

/** Levenshtein, one row at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
