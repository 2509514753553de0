/**
 * A text as a person reads it, for matching: white space of any kind and length as one space (mail wraps its lines),
 * invisible characters dropped, tag characters (U+E0020…) as the ASCII they spell, compatibility forms (full-width,
 * mathematical, ligatures) in their plain shape by NFKC.
 */
export interface Folded {
  readonly text: string;
  /** The stretch of the original that became `[start, end)` of `text`; whole changed pieces. */
  origin(start: number, end: number): { readonly start: number; readonly end: number };
}

// Single classes with one quantifier each: linear. Bounded, because the engine keeps a step of every character that may
// be two units long, and some megabytes of them are more than its stack; a first piece leaves enough for another.
const PIECE =
  /[\s\p{Default_Ignorable_Code_Point}]{65536}(?=[\s\p{Default_Ignorable_Code_Point}]{2})|[\s\p{Default_Ignorable_Code_Point}]{2,65537}|[[\s\p{Default_Ignorable_Code_Point}]--[ ]]|(?:[A-Za-z](?=\p{M}))?[[^\x00-\x7f]--[\s\p{Default_Ignorable_Code_Point}]]{1,65536}/vy;

// A piece begins here, or one character before: a space or a letter may belong to it. This is found five times faster.
const MARK = /[\t-\r\x80-\uffff]| {2}/g;

/** Invisible ASCII. `fold` reads it; a text without it is what was there before somebody put it in between. */
export const TAGS = /[\u{E0000}-\u{E007F}]{1,65536}/gu;

export function fold(text: string): Folded {
  if (!isAscii(text)) return foldPieces(text);
  // Nothing but white space changes in most mail; where it came from is asked only of a match, which is rare.
  let pieces: Folded | null = null;
  return {
    text: text.replace(ASCII_SPACE, " "),
    origin: (start, end) => (pieces ??= foldPieces(text)).origin(start, end),
  };
}

/** A run of white space, or what alone is not a space already. */
const ASCII_SPACE = /[\t-\r ]{2,}|[\t-\r]/g;

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function foldPieces(text: string): Folded {
  const pieces = new Pieces();
  let folded = "";
  let done = 0;
  let spaced = false;
  for (const { piece, index } of piecesOf(text)) {
    const follows: boolean = spaced && done === index;
    const shape = afterSpace(foldPiece(piece, 2 * index + SPARE - folded.length), follows);
    if (shape === piece) continue;
    folded += text.slice(done, index);
    pieces.add(index, piece.length, folded.length, shape.length);
    folded += shape;
    // Not asked of `folded`: looking into a text that grows copies it every time.
    spaced = shape.endsWith(" ") || (follows && shape === "");
    done = index + piece.length;
  }
  folded += text.slice(done);
  return {
    text: folded,
    origin: (start, end) => ({ start: pieces.original(start, "start"), end: pieces.original(end, "end") }),
  };
}

/** What a search for PIECE along the text finds, from left to right. */
function* piecesOf(text: string): Generator<{ readonly piece: string; readonly index: number }> {
  for (let at = 0; ;) {
    const mark = nextMark(text, at);
    if (mark === -1) return;
    const before = mark > at ? pieceAt(text, mark - 1) : null;
    const piece = before ?? pieceAt(text, mark) ?? text.charAt(mark);
    const index = before === null ? mark : mark - 1;
    at = index + piece.length;
    yield { piece, index };
  }
}

function nextMark(text: string, from: number): number {
  MARK.lastIndex = from;
  return MARK.exec(text)?.index ?? -1;
}

function pieceAt(text: string, index: number): string | null {
  PIECE.lastIndex = index;
  return PIECE.exec(text)?.[0] ?? null;
}

/** A run of white space longer than a piece is one space all the same. */
function afterSpace(shape: string, spaced: boolean): string {
  return spaced && shape.startsWith(" ") ? shape.slice(1) : shape;
}

/** Characters a text may grow by, beside its own length again: a few expand eighteenfold, and a text made of them does not. */
const SPARE = 1_000;

function foldPiece(piece: string, room: number): string {
  if (/[\s\p{Default_Ignorable_Code_Point}]/v.test(piece)) return spell(piece);
  const plain = plainShape(piece);
  const growth = plain.length - piece.length;
  return growth > 0 && growth > room ? piece : plain.replace(/\s+/g, " ");
}

/** Shapes of short pieces: a letter with an accent costs ten times more to ask for than to remember. Per thread. */
const shapes = new Map<string, string>();
const MOST_SHAPES = 4_096;
const SHORT = 4;

function plainShape(piece: string): string {
  const known = shapes.get(piece);
  if (known !== undefined) return known;
  const plain = piece.normalize("NFKC");
  if (piece.length <= SHORT && shapes.size < MOST_SHAPES) shapes.set(piece, plain);
  return plain;
}

function spell(piece: string): string {
  let text = "";
  let spaced = false;
  for (const character of piece) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xe0020 && code <= 0xe007e) {
      text += String.fromCharCode(code - 0xe0000);
      spaced = code === 0xe0020;
    } else if (!spaced && isSpace(code)) {
      text += " ";
      spaced = true;
    }
  }
  return text;
}

/** `\s` without U+FEFF, which has no width. */
function isSpace(code: number): boolean {
  if (code <= 0xa0) return code === 0x20 || code === 0xa0 || (code >= 0x09 && code <= 0x0d);
  return (code >= 0x2000 && code <= 0x200a) || OTHER_SPACES.includes(code);
}

const OTHER_SPACES = [0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000];

const FIELDS = 4;

/** What was changed, in order; numbers in one block, because a hostile text has millions of pieces. */
class Pieces {
  #numbers = new Int32Array(FIELDS * 64);
  #count = 0;

  add(at: number, length: number, folded: number, foldedLength: number): void {
    const start = this.#count * FIELDS;
    if (start === this.#numbers.length) {
      const grown = new Int32Array(2 * start);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers.set([at, length, folded, foldedLength], start);
    this.#count += 1;
  }

  /** Where in the original the folded offset comes from; within a piece its whole counts. */
  original(offset: number, edge: "start" | "end"): number {
    const index = this.#lastAtOrBefore(edge === "start" ? offset : offset - 1);
    if (index < 0) return offset;
    const [at = 0, length = 0, folded = 0, foldedLength = 0] = this.#numbers.subarray(index * FIELDS, (index + 1) * FIELDS);
    const after = offset - folded - foldedLength;
    if (edge === "start") return after >= 0 ? at + length + after : at;
    return after > 0 ? at + length + after : at + length;
  }

  #lastAtOrBefore(offset: number): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#numbers[middle * FIELDS + 2] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
