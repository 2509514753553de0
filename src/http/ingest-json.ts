const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const OPEN = [0x7b, 0x5b];
const CLOSE = [0x7d, 0x5d];

export interface JsonBounds {
  /** Objects and arrays within one another. */
  readonly depth: number;
  /** Values in objects and arrays, as far as commas tell. */
  readonly values: number;
}

/**
 * Whether a text, if it is JSON at all, is larger than these bounds. Looked at before it is parsed: a few million empty
 * arrays fit into what a batch may be long, and would stop the process for seconds.
 */
export function exceeds(json: Buffer, { depth, values }: JsonBounds): boolean {
  let [open, seen, inString] = [0, 0, false];
  for (let at = 0; at < json.length; at++) {
    const byte = json[at] as number;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) seen++;
    else if (OPEN.includes(byte)) {
      open++;
      seen++;
    } else if (CLOSE.includes(byte)) open--;
    if (open > depth || seen > values) return true;
  }
  return false;
}
