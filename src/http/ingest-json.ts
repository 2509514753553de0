const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [BRACE, BRACKET, END_BRACE, END_BRACKET] = [0x7b, 0x5b, 0x7d, 0x5d];

export interface JsonBounds {
  /** Objects and arrays within one another. */
  readonly depth: number;
  /** Values in objects and arrays, as far as commas tell. */
  readonly values: number;
  /** Of them in one object or array: an object of very many is slow to make, and slower to look through. */
  readonly entries: number;
}

/**
 * Whether a text, if it is JSON at all, is larger than these bounds. Looked at before it is parsed: a few million empty
 * arrays fit into what a batch may be long, and would stop the process for seconds.
 */
export function exceeds(json: Buffer, { depth, values, entries }: JsonBounds): boolean {
  let open = 0;
  let seen = 0;
  /** Commas so far in each that is open. */
  const commas: number[] = [];
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) at = endOfString(json, at + 1);
    else if (byte === COMMA) {
      seen++;
      const here = (commas[open] ?? 0) + 1;
      if (here >= entries) return true;
      commas[open] = here;
    } else if (byte === BRACE || byte === BRACKET) {
      open++;
      seen++;
      commas[open] = 0;
    } else if (byte === END_BRACE || byte === END_BRACKET) open = Math.max(0, open - 1);
    if (open > depth || seen > values) return true;
  }
  return false;
}

/** Of the quote that ends the string, or of the end of it all. */
function endOfString(json: Buffer, from: number): number {
  for (let at = from; at < json.length; at++) {
    const byte = json[at] as number;
    if (byte === QUOTE) return at;
    if (byte === BACKSLASH) at++;
  }
  return json.length;
}
