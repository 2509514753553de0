import { z } from "@hono/zod-openapi";

export const DiffLine = z
  .object({
    op: z.enum(["kept", "removed", "added", "skipped"]),
    text: z.string().openapi({ description: "The line; of `skipped` how many unchanged lines are left out." }),
  })
  .openapi("DiffLine");

type Line = z.infer<typeof DiffLine>;

/** Cells of the table that is filled; beyond it everything between the first and the last difference counts as changed. */
const CELLS = 1_000_000;
/** Lines of an answer. */
const LINES = 2_000;
/** Unchanged lines shown beside a change. */
const CONTEXT = 3;

/** What became of the lines of a text: a longest common subsequence, bounded in time and size. */
export function diffLines(before: string, after: string): Line[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const head = commonHead(old, now);
  const tail = commonTail(old.slice(head), now.slice(head));
  const changed = changes(old.slice(head, old.length - tail), now.slice(head, now.length - tail));
  return folded([...kept(old.slice(0, head)), ...changed, ...kept(old.slice(old.length - tail))]);
}

function commonHead(old: readonly string[], now: readonly string[]): number {
  let count = 0;
  while (count < old.length && count < now.length && old[count] === now[count]) count += 1;
  return count;
}

function commonTail(old: readonly string[], now: readonly string[]): number {
  let count = 0;
  while (count < old.length && count < now.length && old.at(-1 - count) === now.at(-1 - count)) count += 1;
  return count;
}

function changes(old: readonly string[], now: readonly string[]): Line[] {
  if (old.length * now.length > CELLS) return [...lines("removed", old), ...lines("added", now)];
  const lengths = commonLengths(old, now);
  const found: Line[] = [];
  let [at, to] = [0, 0];
  while (at < old.length && to < now.length) {
    if (old[at] === now[to]) {
      found.push({ op: "kept", text: old[at] ?? "" });
      at += 1;
      to += 1;
    } else if (lengths(at + 1, to) >= lengths(at, to + 1)) {
      found.push({ op: "removed", text: old[at] ?? "" });
      at += 1;
    } else {
      found.push({ op: "added", text: now[to] ?? "" });
      to += 1;
    }
  }
  return [...found, ...lines("removed", old.slice(at)), ...lines("added", now.slice(to))];
}

/** Length of the longest common subsequence of what follows from two places. */
function commonLengths(old: readonly string[], now: readonly string[]): (at: number, to: number) => number {
  const width = now.length + 1;
  const table = new Uint32Array((old.length + 1) * width);
  const get = (at: number, to: number): number => table[at * width + to] ?? 0;
  for (let at = old.length - 1; at >= 0; at -= 1) {
    for (let to = now.length - 1; to >= 0; to -= 1) {
      table[at * width + to] = old[at] === now[to] ? get(at + 1, to + 1) + 1 : Math.max(get(at + 1, to), get(at, to + 1));
    }
  }
  return get;
}

/** Long unchanged stretches say only how long they are. */
function folded(all: readonly Line[]): Line[] {
  const near = new Uint8Array(all.length);
  for (const [index, { op }] of all.entries()) if (op !== "kept") near.fill(1, Math.max(0, index - CONTEXT), index + CONTEXT + 1);
  const shown: Line[] = [];
  for (let index = 0; index < all.length && shown.length < LINES;) {
    const end = near[index] === 1 ? index + 1 : stretchEnd(near, index);
    shown.push(near[index] === 1 ? all[index]! : { op: "skipped", text: String(end - index) });
    index = end;
  }
  return shown;
}

function stretchEnd(near: Uint8Array, from: number): number {
  let end = from + 1;
  while (end < near.length && near[end] === near[from]) end += 1;
  return end;
}

function kept(texts: readonly string[]): Line[] {
  return lines("kept", texts);
}

function lines(op: Line["op"], texts: readonly string[]): Line[] {
  return texts.map((text) => ({ op, text }));
}
