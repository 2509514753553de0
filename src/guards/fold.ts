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

// Single classes with one quantifier each: linear.
const PIECE =
  /[\s\p{Default_Ignorable_Code_Point}]{2,}|[[\s\p{Default_Ignorable_Code_Point}]--[ ]]|(?:[A-Za-z](?=\p{M}))?[[^\x00-\x7f]--[\s\p{Default_Ignorable_Code_Point}]]+/gv;

interface Piece {
  readonly at: number;
  readonly length: number;
  /** Start and length in the folded text. */
  readonly folded: number;
  readonly foldedLength: number;
}

export function fold(text: string): Folded {
  const pieces: Piece[] = [];
  let folded = "";
  let done = 0;
  for (const match of text.matchAll(PIECE)) {
    const shape = foldPiece(match[0]);
    if (shape === match[0]) continue;
    folded += text.slice(done, match.index);
    pieces.push({ at: match.index, length: match[0].length, folded: folded.length, foldedLength: shape.length });
    folded += shape;
    done = match.index + match[0].length;
  }
  folded += text.slice(done);
  return {
    text: folded,
    origin: (start, end) => ({ start: original(pieces, start, "start"), end: original(pieces, end, "end") }),
  };
}

function foldPiece(piece: string): string {
  if (/[\s\p{Default_Ignorable_Code_Point}]/v.test(piece)) return spell(piece).replace(/\s+/g, " ");
  const plain = piece.normalize("NFKC");
  // A few characters expand eighteenfold; a text made of them keeps its shape.
  return plain.length > 3 * piece.length + 32 ? piece : plain.replace(/\s+/g, " ");
}

function spell(piece: string): string {
  let text = "";
  for (const character of piece) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xe0020 && code <= 0xe007e) text += String.fromCharCode(code - 0xe0000);
    else if (/\s/.test(character) && code !== 0xfeff) text += character;
  }
  return text;
}

function original(pieces: readonly Piece[], offset: number, edge: "start" | "end"): number {
  const piece = pieces[lastAtOrBefore(pieces, edge === "start" ? offset : offset - 1)];
  if (piece === undefined) return offset;
  const after = offset - piece.folded - piece.foldedLength;
  if (edge === "start") return after >= 0 ? piece.at + piece.length + after : piece.at;
  return after > 0 ? piece.at + piece.length + after : piece.at + piece.length;
}

function lastAtOrBefore(pieces: readonly Piece[], offset: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pieces[middle]?.folded ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
