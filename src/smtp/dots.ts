const [LF, CR, DOT] = [0x0a, 0x0d, 0x2e];

/** Where in a line the next byte stands. Only CRLF ends a line: a bare CR or LF is content, and refused as such later. */
type Place =
  | "start"
  /** A dot began the line and is not passed on: RFC 5321 §4.5.2 has it deleted, unless it ends the message. */
  | "dot"
  | "dot_cr"
  | "within"
  | "cr";

export interface Read {
  /** What the message gains. A copy. */
  readonly bytes: Buffer;
  /** What follows the final dot's CRLF, or null while the message goes on. */
  readonly rest: Buffer | null;
}

/**
 * Dot-unstuffing (RFC 5321 §4.5.2) over chunks cut anywhere. INVARIANT: the message ends at CRLF.CRLF, or at .CRLF as
 * its first line, and at nothing else; whatever else looks like it to some server is content.
 */
export interface Dots {
  read(chunk: Buffer): Read;
}

export function createDots(): Dots {
  let place: Place = "start";
  return {
    read(chunk) {
      // One byte may be owed from the chunk before: the CR of a line that began with `.CR` and went on.
      const bytes = Buffer.allocUnsafe(chunk.length + 1);
      let length = 0;
      // One loop, whole: a call per line would be a gift to a message of empty lines.
      for (let at = 0; at < chunk.length; at += 1) {
        const byte = chunk[at] as number;
        if (place === "dot_cr") {
          if (byte === LF) {
            place = "start";
            return { bytes: bytes.subarray(0, length), rest: chunk.subarray(at + 1) };
          }
          bytes[length++] = CR;
          place = "cr";
        }
        if (place === "start" && byte === DOT) {
          place = "dot";
          continue;
        }
        if (place === "dot" && byte === CR) {
          place = "dot_cr";
          continue;
        }
        bytes[length++] = byte;
        place = byte === CR ? "cr" : byte === LF && place === "cr" ? "start" : "within";
      }
      return { bytes: bytes.subarray(0, length), rest: null };
    },
  };
}
