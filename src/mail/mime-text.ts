// RFC 2045 §6.7, §6.8: text in 7 bits and lines of at most 76 characters.

const LINE = 76;

export interface EncodedText {
  readonly encoding: "quoted-printable" | "base64";
  readonly body: Buffer;
}

/** UTF-8 text for a body. Line ends of any kind become CRLF; nothing else changes. The shorter encoding is chosen. */
export function encodeText(text: string): EncodedText {
  const lines = text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
  const bytes = Buffer.from(lines);
  // Base64 is 4/3 of everything, quoted-printable three times what is not ASCII.
  if (countHigh(bytes) * 6 > bytes.length) {
    return { encoding: "base64", body: wrapBase64(Buffer.from(lines.replaceAll("\n", "\r\n")).toString("base64")) };
  }
  return { encoding: "quoted-printable", body: quotedPrintable(bytes) };
}

/** Lines of 76 characters, parted by CRLF. `base64` has no line breaks. */
export function wrapBase64(base64: string): Buffer {
  const breaks = Math.max(0, Math.ceil(base64.length / LINE) - 1);
  const wrapped = Buffer.allocUnsafe(base64.length + 2 * breaks);
  let at = 0;
  for (let start = 0; start < base64.length; start += LINE) {
    if (start > 0) at += wrapped.write("\r\n", at, "latin1");
    at += wrapped.write(base64.slice(start, start + LINE), at, "latin1");
  }
  return wrapped;
}

function countHigh(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte >= 0x80) count++;
  return count;
}

const [TAB, LF, CR, SPACE, DOT, EQUALS, TILDE] = [0x09, 0x0a, 0x0d, 0x20, 0x2e, 0x3d, 0x7e];
const HEX = Buffer.from("0123456789ABCDEF");
const FROM = Buffer.from("From ");

/** One pass; `bytes` has LF line ends. A line never begins with a dot or `From `, which mail programs rewrite. */
function quotedPrintable(bytes: Buffer): Buffer {
  // Three for a byte; a soft break at most every 72 characters, a line end grows by one.
  const out = Buffer.allocUnsafe(bytes.length * 4 + 8);
  let [at, column] = [0, 0];
  for (let from = 0; from < bytes.length; from++) {
    const byte = bytes[from] as number;
    if (byte === LF) {
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
      continue;
    }
    const plain = isPlain(bytes, from, byte, column);
    // A line is 76 with its soft break.
    if (column + (plain ? 1 : 3) > LINE - 1) {
      out[at++] = EQUALS;
      out[at++] = CR;
      out[at++] = LF;
      column = 0;
    }
    if (plain) {
      out[at++] = byte;
      column += 1;
    } else {
      out[at++] = EQUALS;
      out[at++] = HEX[byte >> 4] as number;
      out[at++] = HEX[byte & 15] as number;
      column += 3;
    }
  }
  return out.subarray(0, at);
}

function isPlain(bytes: Buffer, at: number, byte: number, column: number): boolean {
  if (byte === EQUALS || byte > TILDE || (byte < SPACE && byte !== TAB)) return false;
  if (byte === SPACE || byte === TAB) return at + 1 < bytes.length && bytes[at + 1] !== LF;
  // A soft break may put either at the start of a line, too.
  const startsLine = column === 0 || column === LINE - 1;
  if (!startsLine) return true;
  return byte !== DOT && !(byte === FROM[0] && bytes.subarray(at, at + FROM.length).equals(FROM));
}
