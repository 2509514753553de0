import { digitGroups, type DigitGroup } from "./digit-groups.ts";
import { isCardNumber } from "./issuers.ts";
import type { Sighting } from "./sighting.ts";

/** How card numbers are written in groups, as their lengths. */
const LAYOUTS: readonly (readonly number[])[] = [
  [4, 4, 4, 4],
  [4, 4, 4, 4, 3],
  [4, 6, 5],
  [4, 6, 4],
  [4, 4, 5],
  [8, 8],
  [6, 13],
];

/** Groups of one length, which are a number only when no more of them follow. */
const EVEN = [1, 2];

/** Groups of four one after another from which they are a table, not a number with its neighbours. */
const TABLE = 7;

/** Groups judged together; who writes more of them writes a table. */
const CHAIN = 2_000;
/** Of those, looked at again with the ones that follow. */
const OVERLAP = 40;

/** Card numbers: in one piece or in groups, on one line or wrapped between two groups. Not inside longer numbers. */
export function* seeCards(text: string): Generator<Sighting> {
  let chain: DigitGroup[] = [];
  for (const group of digitGroups(text)) {
    if (group.mark === "none" || chain.length === CHAIN) {
      yield* seenIn(text, chain);
      chain = group.mark === "none" ? [] : chain.slice(-OVERLAP);
    }
    chain.push(group);
  }
  yield* seenIn(text, chain);
}

function* seenIn(text: string, chain: readonly DigitGroup[]): Generator<Sighting> {
  for (let first = 0; first < chain.length; first++) {
    for (const last of candidates(chain, first)) {
      const [start, end] = [chain[first]?.start ?? 0, chain[last]?.end ?? 0];
      const digits = chain.slice(first, last + 1).reduce((number, group) => number + text.slice(group.start, group.end), "");
      if (isCardNumber(digits)) yield { code: "payment_card", severity: 3, start, end };
    }
  }
}

/** Indices of the group with which a number that begins with the group `first` could end. */
function* candidates(chain: readonly DigitGroup[], first: number): Generator<number> {
  // What follows a point is a fraction.
  if (sizeOf(chain, first) >= 13 && sizeOf(chain, first) <= 19 && chain[first]?.mark !== ".") yield first;
  for (const layout of LAYOUTS) {
    const last = first + layout.length - 1;
    const fits = layout.every((size, index) => sizeOf(chain, first + index) === size) && markedAlike(chain, first, last);
    if (fits && !(layout[3] === 4 && isTable(chain, first, last))) yield last;
  }
  for (const size of EVEN) {
    if (!beginsRun(chain, first, size)) continue;
    const last = endOfRun(chain, first, size);
    if (size * (last - first + 1) >= 13 && size * (last - first + 1) <= 19) yield last;
  }
}

function sizeOf(chain: readonly DigitGroup[], index: number): number {
  const group = chain[index];
  return group === undefined ? 0 : group.end - group.start;
}

/** One separator throughout; the end of a line may stand for it. */
function markedAlike(chain: readonly DigitGroup[], first: number, last: number): boolean {
  const marks = new Set(chain.slice(first + 1, last + 1).map(({ mark }) => mark));
  marks.delete("line");
  return marks.size <= 1;
}

/** True when the groups of four go on to either side, over the ends of lines where the number itself does. */
function isTable(chain: readonly DigitGroup[], first: number, last: number): boolean {
  const wraps = chain.slice(first + 1, last + 1).some(({ mark }) => mark === "line");
  const follows = (index: number): boolean => sizeOf(chain, index) === 4 && (wraps || chain[index]?.mark !== "line");
  let [from, to] = [first, first];
  while (to - from < TABLE && follows(to + 1)) to++;
  while (to - from < TABLE && from > 0 && sizeOf(chain, from - 1) === 4 && (wraps || chain[from]?.mark !== "line")) from--;
  return to - from + 1 >= TABLE;
}

function beginsRun(chain: readonly DigitGroup[], index: number, size: number): boolean {
  return sizeOf(chain, index) === size && (index === 0 || sizeOf(chain, index - 1) !== size);
}

function endOfRun(chain: readonly DigitGroup[], first: number, size: number): number {
  let last = first;
  while (last - first < 20 && sizeOf(chain, last + 1) === size && markedAlike(chain, first, last + 1)) last++;
  return last;
}
