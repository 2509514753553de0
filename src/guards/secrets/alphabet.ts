/** Characters a body is made of. */
export type Alphabet = keyof typeof CHARACTERS;

const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER = UPPER.toLowerCase();
const DIGITS = "0123456789";
const BASE62 = UPPER + LOWER + DIGITS;

const CHARACTERS = {
  digits: DIGITS,
  hex: `${DIGITS}abcdefABCDEF`,
  upper: UPPER + DIGITS,
  base62: BASE62,
  base64: `${BASE62}+/=`,
  base64body: `${BASE62}+/-_`,
  base64url: `${BASE62}-_`,
  base64any: `${BASE62}+/=-_`,
  dotted: `${BASE62}-_.`,
  tilde: `${BASE62}-_.~`,
  path: `${BASE62}-_/`,
} as const;

const TABLES = new Map(Object.entries(CHARACTERS).map(([name, characters]) => [name, tableOf(characters)]));

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(128);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/** The index after as many characters of the alphabet as there are from `at`, at most `most`. */
export function endOfRun(text: string, at: number, alphabet: Alphabet, most: number): number {
  const table = TABLES.get(alphabet) as Uint8Array;
  const last = Math.min(text.length, at + most);
  let end = at;
  while (end < last && table[text.charCodeAt(end)] === 1) end++;
  return end;
}
