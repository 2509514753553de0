import { isUtf8 } from "node:buffer";

/** One header field of the outermost message, unfolded. */
export interface HeaderField {
  /** Lower case, without the white space RFC 5322 §4.5 once allowed around it; empty for a line that is no field. */
  readonly name: string;
  readonly value: string;
  /** `Name:` as RFC 5322 §2.2 wants it. Readers of mail disagree about every other spelling. */
  readonly exact: boolean;
}

export interface Header {
  readonly fields: readonly HeaderField[];
  /** Offset of the first byte after the blank line; the length of the message when there is none. */
  readonly bodyOffset: number;
}

const CRLF_CRLF = Buffer.from("\r\n\r\n");
const [TAB, LF, CR, SPACE, COLON, DEL] = [0x09, 0x0a, 0x0d, 0x20, 0x3a, 0x7f];

/** Reads the header block of a message. Linear; the caller bounds the block (64 KiB, 1,000 lines). */
export function readHeader(raw: Buffer): Header {
  const bodyOffset = findBody(raw);
  return { fields: readFields(raw.subarray(0, bodyOffset)), bodyOffset };
}

/** Where the body starts. A message whose first line is empty has no header fields (RFC 5322 §2.1). */
function findBody(raw: Buffer): number {
  if (raw[0] === CR && raw[1] === LF) return 2;
  const blank = raw.indexOf(CRLF_CRLF);
  return blank === -1 ? raw.length : blank + CRLF_CRLF.length;
}

export function readFields(block: Buffer): HeaderField[] {
  return [...splitFields(block)].map(readField);
}

/** Of every field its name, as in {@link HeaderField}. */
export function fieldNames(block: Buffer): string[] {
  return [...splitFields(block)].map((field) => nameOf(field, field.indexOf(COLON)).toLowerCase());
}

function* splitFields(block: Buffer): Generator<Buffer> {
  let start = 0;
  while (start < block.length) {
    const end = endOfField(block, start);
    const field = block.subarray(start, end);
    start = end;
    if (!isBlank(field)) yield field;
  }
}

/** Past the line at `start` and every folded line after it. */
function endOfField(block: Buffer, start: number): number {
  let end = start;
  do {
    const newline = block.indexOf(LF, end);
    if (newline === -1) return block.length;
    end = newline + 1;
  } while (block[end] === SPACE || block[end] === TAB);
  return end;
}

function isBlank(field: Buffer): boolean {
  return field.length === 0 || (field.length <= 2 && (field[0] === CR || field[0] === LF));
}

function readField(field: Buffer): HeaderField {
  const colon = field.indexOf(COLON);
  if (colon <= 0) return { name: "", value: decode(field), exact: false };
  const name = nameOf(field, colon);
  const exact = name.length === colon && field.subarray(0, colon).every(isNameByte);
  return { name: name.toLowerCase(), value: decode(field.subarray(colon + 1)), exact };
}

function nameOf(field: Buffer, colon: number): string {
  return colon <= 0 ? "" : field.toString("latin1", 0, colon).trim();
}

/** RFC 5322 §3.6.8: printable US-ASCII except the colon. */
function isNameByte(byte: number): boolean {
  return byte > SPACE && byte < DEL && byte !== COLON;
}

/** Unfolds. Real mail holds raw 8-bit bytes: UTF-8 where they are, else Latin-1, which loses nothing. */
function decode(bytes: Buffer): string {
  const text = bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
  return text.replaceAll("\r", "").replaceAll("\n", "").trim();
}

export function valuesOf(fields: readonly HeaderField[], name: string): string[] {
  return fields.filter((field) => field.name === name).map((field) => field.value);
}

export function countOf(fields: readonly HeaderField[], name: string): number {
  let count = 0;
  for (const field of fields) if (field.name === name) count++;
  return count;
}
