const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;

/** Whether the lines of a file end in LF only, as editors leave them. Mixed line ends are left to the server to refuse. */
export function hasBareLfOnly(bytes: Buffer): boolean {
  return bytes.includes(LF) && !bytes.includes("\r\n");
}

/** RFC 5322 §2.3: lines end in CRLF. */
export function toCrlf(bytes: Buffer): Buffer {
  return Buffer.concat(pieces(bytes, Buffer.from("\n"), 0, (piece) => [piece, Buffer.from("\r\n")]));
}

/**
 * A trace field makes the same letter a new message: its bytes differ, while its signatures hold (RFC 6376 §5.4.1 advises
 * against signing Received).
 */
export function withTrace(bytes: Buffer, token: string, at: Date): Buffer {
  const date = at.toUTCString().replace("GMT", "+0000");
  return Buffer.concat([Buffer.from(`Received: by postern-cli.invalid with SMTP id ${token}; ${date}\r\n`), bytes]);
}

/** RFC 5321 §4.5.2: a dot before every line that begins with one, and the final line with a dot alone. */
export function toData(bytes: Buffer): Buffer {
  const stuffed = pieces(bytes, Buffer.from("\r\n."), 2, (piece) => [piece, Buffer.of(DOT)]);
  const leading = bytes[0] === DOT ? [Buffer.of(DOT)] : [];
  return Buffer.concat([...leading, ...stuffed, ...(endsLine(bytes) ? [] : [Buffer.of(CR, LF)]), Buffer.from(".\r\n")]);
}

function endsLine(bytes: Buffer): boolean {
  return bytes.at(-1) === LF && bytes.at(-2) === CR;
}

/** Cuts at every `mark`, of which `keep` bytes stay with the piece before, and lets `end` say what stands at the cut. */
function pieces(bytes: Buffer, mark: Buffer, keep: number, end: (piece: Buffer) => Buffer[]): Buffer[] {
  const found: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at + mark.length)) {
    found.push(...end(bytes.subarray(from, at + keep)));
    from = at + (keep === 0 ? mark.length : keep);
  }
  return [...found, bytes.subarray(from)];
}
