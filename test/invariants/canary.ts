import { randomBytes } from "node:crypto";

/** A word that occurs nowhere by chance: what was planted in one place and must not turn up in another. */
export function canary(kind: string): string {
  return `${kind}zq${randomBytes(9).toString("hex")}`;
}

/** Which of the planted words a text holds, in whatever writing: plain, base64 at any offset, hexadecimal, percent-encoded. */
export function sightings(text: string, planted: Readonly<Record<string, string>>): string[] {
  const folded = text.toLowerCase();
  return Object.entries(planted)
    .filter(([, word]) => writings(word).some((writing) => text.includes(writing) || folded.includes(writing.toLowerCase())))
    .map(([name]) => name);
}

function writings(word: string): string[] {
  const bytes = Buffer.from(word);
  return [word, bytes.toString("hex"), ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset))];
}

/** The characters of base64 that depend on the word alone when `offset` other bytes stand before it. */
function base64At(bytes: Buffer, offset: number): string[] {
  const first = offset === 0 ? 0 : offset + 1;
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  return [shifted.toString("base64").slice(first, end), shifted.toString("base64url").slice(first, end)];
}
