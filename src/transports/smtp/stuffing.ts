const [LF, CR, DOT] = [0x0a, 0x0d, 0x2e];

/** Bytes looked at between two breaths of the event loop. */
const BLOCK = 64 * 1024;

/**
 * True when every byte is 7-bit, CR and LF come as CRLF only, and there is no NUL. INVARIANT: nothing else is sent. What
 * one server takes for the end of a message is content to another, and the rest of it a message of its own.
 */
export async function isSafe(bytes: Buffer): Promise<boolean> {
  for (let from = 0; from < bytes.length; from += BLOCK) {
    if (!isSafeBlock(bytes, from, Math.min(from + BLOCK, bytes.length))) return false;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  return true;
}

function isSafeBlock(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    if (byte === 0 || byte > 0x7f) return false;
    if (byte === CR && bytes[at + 1] !== LF) return false;
    if (byte === LF && bytes[at - 1] !== CR) return false;
  }
  return true;
}

/** The message with its dots doubled (RFC 5321 §4.5.2) and its last line ended, without the final dot. */
export function* stuffed(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += BLOCK) yield stuffedBlock(bytes, from, Math.min(from + BLOCK, bytes.length));
  if (bytes.at(-1) !== LF) yield Buffer.from("\r\n");
}

function stuffedBlock(bytes: Buffer, from: number, to: number): Buffer {
  const block = Buffer.allocUnsafe((to - from) * 2);
  let length = 0;
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] as number;
    if (byte === DOT && (at === 0 || bytes[at - 1] === LF)) block[length++] = DOT;
    block[length++] = byte;
  }
  return block.subarray(0, length);
}
