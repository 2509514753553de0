import { fieldNames } from "./header.ts";
import type { Violation } from "./reader.ts";

/** Limits on one message. All configurable by passing another object. */
export interface MailLimits {
  /** Bytes of the whole message. */
  readonly size: number;
  /** Bytes of a header block, the blank line included; also of every MIME part's. */
  readonly headerBytes: number;
  readonly headerLines: number;
  /** Received fields; more is a loop (RFC 5321 §6.3). */
  readonly received: number;
  readonly dkimSignatures: number;
  /** RFC 8617 §4.2.1. */
  readonly arcSets: number;
  /** Bytes of a line without its CRLF. Longer lines are noted, not refused (RFC 5322 §2.1.1). */
  readonly lineLength: number;
  /** MIME levels, attached messages included. */
  readonly depth: number;
  /** MIME parts over the whole tree, attached messages included. */
  readonly parts: number;
  /** Bytes read over the whole tree: an attached message counts again at every level. */
  readonly treeBytes: number;
}

export const MAIL_LIMITS: MailLimits = Object.freeze({
  size: 26_214_400,
  headerBytes: 65_536,
  headerLines: 1_000,
  received: 100,
  dkimSignatures: 10,
  arcSets: 50,
  lineLength: 998,
  depth: 100,
  parts: 1_000,
  treeBytes: 78_643_200,
});

/** Why a message is not taken, and what the peer is told (RFC 3463 codes). */
const REFUSALS = {
  size: { code: 552, enhanced: "5.3.4", text: "message too big" },
  header_bytes: { code: 552, enhanced: "5.3.4", text: "message header too big" },
  header_lines: { code: 552, enhanced: "5.3.4", text: "too many header lines" },
  received: { code: 554, enhanced: "5.4.6", text: "routing loop detected" },
  dkim_signatures: { code: 550, enhanced: "5.6.0", text: "too many dkim signatures" },
  arc_sets: { code: 550, enhanced: "5.6.0", text: "too many arc sets" },
  bare_cr: { code: 550, enhanced: "5.6.11", text: "bare carriage return in message" },
  bare_lf: { code: 550, enhanced: "5.6.11", text: "bare line feed in message" },
  nul: { code: 550, enhanced: "5.6.11", text: "nul byte in message" },
  depth: { code: 554, enhanced: "5.6.0", text: "message parts nested too deeply" },
  parts: { code: 554, enhanced: "5.6.0", text: "too many message parts" },
  tree_bytes: { code: 554, enhanced: "5.6.0", text: "attached messages too big" },
  unreadable: { code: 554, enhanced: "5.6.0", text: "message cannot be read" },
} as const satisfies Record<string, Omit<Violation, "limit">>;

export function violation(limit: keyof typeof REFUSALS): Violation {
  return { limit, ...REFUSALS[limit] };
}

export interface IntakeScanner {
  /** Linear in the chunk; keeps no reference to it. */
  write(chunk: Buffer): void;
  /** The first limit broken, or null. */
  end(): Violation | null;
  /** Lines over `lineLength` so far. */
  longLines(): number;
}

const [NUL, LF, CR] = [0x00, 0x0a, 0x0d];

/** Judges bytes while they arrive, before anything is stored for good. Holds at most one header block. */
export function createIntakeScanner(limits: MailLimits = MAIL_LIMITS): IntakeScanner {
  const state: Scan = {
    limits,
    broken: null,
    size: 0,
    lineStart: 0,
    afterCr: false,
    longLines: 0,
    header: [],
    headerBytes: 0,
    headerLines: 0,
  };
  return {
    write: (chunk) => scan(state, chunk),
    end: () => finish(state),
    longLines: () => state.longLines,
  };
}

interface Scan {
  readonly limits: MailLimits;
  broken: Violation | null;
  size: number;
  /** Offset in the message of the line being read. */
  lineStart: number;
  /** The last byte of the chunk before was a CR. */
  afterCr: boolean;
  longLines: number;
  /** Null once the header is over. */
  header: Buffer[] | null;
  headerBytes: number;
  headerLines: number;
}

function scan(state: Scan, chunk: Buffer): void {
  const start = state.size;
  state.size += chunk.length;
  if (state.broken !== null || chunk.length === 0) return;
  if (state.size > state.limits.size) {
    state.broken = violation("size");
    return;
  }
  scanBytes(state, chunk, start);
  if (state.header !== null) keepHeader(state, chunk);
}

// One loop over the bytes: a call of indexOf per line is slower on many short lines, which is what an attacker sends.
function scanBytes(state: Scan, chunk: Buffer, start: number): void {
  let at = continueLine(state, chunk, start);
  while (at < chunk.length && state.broken === null) {
    const byte = chunk[at] as number;
    if (byte > CR) at++;
    else if (byte === CR) at = carriageReturn(state, chunk, start, at);
    else if (byte === LF) state.broken = violation("bare_lf");
    else if (byte === NUL) state.broken = violation("nul");
    else at++;
  }
}

/** A CRLF may be split between two chunks. */
function continueLine(state: Scan, chunk: Buffer, start: number): number {
  if (!state.afterCr) return 0;
  state.afterCr = false;
  if (chunk[0] !== LF) {
    state.broken = violation("bare_cr");
    return 0;
  }
  endLine(state, start - 1, chunk, 1);
  return 1;
}

function carriageReturn(state: Scan, chunk: Buffer, start: number, at: number): number {
  if (at + 1 === chunk.length) state.afterCr = true;
  else if (chunk[at + 1] === LF) endLine(state, start + at, chunk, at + 2);
  else state.broken = violation("bare_cr");
  return at + 2;
}

/** `end` is the offset in the message of the line's CR, `next` the offset in the chunk of the line after. */
function endLine(state: Scan, end: number, chunk: Buffer, next: number): void {
  const length = end - state.lineStart;
  state.lineStart = end + 2;
  if (length > state.limits.lineLength) state.longLines++;
  if (state.header === null) return;
  if (length === 0) endHeader(state, chunk.subarray(0, next));
  else if (++state.headerLines > state.limits.headerLines) state.broken = violation("header_lines");
}

function keepHeader(state: Scan, bytes: Buffer): void {
  state.headerBytes += bytes.length;
  if (state.headerBytes > state.limits.headerBytes) state.broken ??= violation("header_bytes");
  else state.header?.push(Buffer.from(bytes));
}

function endHeader(state: Scan, last: Buffer): void {
  keepHeader(state, last);
  const block = Buffer.concat(state.header ?? []);
  state.header = null;
  state.broken ??= judgeHeader(block, state.limits);
}

function finish(state: Scan): Violation | null {
  if (state.afterCr) state.broken ??= violation("bare_cr");
  if (state.header !== null) endHeader(state, Buffer.alloc(0));
  return state.broken;
}

function judgeHeader(block: Buffer, limits: MailLimits): Violation | null {
  const names = fieldNames(block);
  const count = (name: string): number => names.filter((each) => each === name).length;
  if (count("received") > limits.received) return violation("received");
  if (count("dkim-signature") > limits.dkimSignatures) return violation("dkim_signatures");
  const arcSets = Math.max(...ARC_FIELDS.map(count));
  return arcSets > limits.arcSets ? violation("arc_sets") : null;
}

const ARC_FIELDS = ["arc-seal", "arc-message-signature", "arc-authentication-results"];
