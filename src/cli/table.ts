import { fit, pad, printable, width, wrap } from "./text.ts";

/** One column for people. Values may come from strangers: they are made printable here. */
export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string;
  /** Cells it may be cut down to; absent: never cut (ids are for copying). */
  readonly min?: number;
  /** Colour, applied after everything is aligned. */
  readonly style?: (text: string, row: T) => string;
}

const GAP = "  ";
const INDENT = "  ";

/**
 * Aligned columns with a heading. Where `columns` do not fit `cells` even when cut, each row takes several lines: the
 * first column, then the others below it. `cells` null: as wide as it needs, nothing cut (files and pipes).
 */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], cells: number | null): string {
  const widths = fitWidths(columns, rows, cells);
  if (widths !== null) return [headingLine(columns, widths), ...rows.map((row) => rowLine(columns, widths, row))].join("\n");
  const [first, ...rest] = columns;
  if (first === undefined || rest.length === 0 || cells === null) return "";
  return stacked(first, rest, rows, cells - INDENT.length);
}

function stacked<T>(first: Column<T>, rest: readonly Column<T>[], rows: readonly T[], cells: number): string {
  const lines = linesThatFit(rest, rows, cells).map((columns) => {
    const widths = fitWidths(columns, rows, cells) ?? columns.map((column) => column.min ?? naturalWidth(column, rows));
    return { columns, widths };
  });
  const below = rows.flatMap((row) => [
    rowLine([first], [0], row),
    ...lines.map(({ columns, widths }) => (INDENT + rowLine(columns, widths, row)).trimEnd()),
  ]);
  return [first.title, ...lines.map(({ columns, widths }) => INDENT + headingLine(columns, widths)), ...below].join("\n");
}

/** As many columns beside one another as fit when cut; at least one. */
function linesThatFit<T>(columns: readonly Column<T>[], rows: readonly T[], cells: number): readonly (readonly Column<T>[])[] {
  const lines: Column<T>[][] = [];
  for (const column of columns) {
    const last = lines.at(-1);
    if (last !== undefined && fitWidths([...last, column], rows, cells) !== null) last.push(column);
    else lines.push([column]);
  }
  return lines;
}

/** Widths that fit, the widest cut first; null when there are none. */
function fitWidths<T>(columns: readonly Column<T>[], rows: readonly T[], cells: number | null): number[] | null {
  const widths = columns.map((column) => naturalWidth(column, rows));
  if (cells === null) return widths;
  let excess = widths.reduce((sum, each) => sum + each, 0) + GAP.length * (columns.length - 1) - cells;
  while (excess > 0) {
    const widest = widestToCut(columns, widths);
    if (widest === null) return null;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

function widestToCut<T>(columns: readonly Column<T>[], widths: readonly number[]): number | null {
  let found: number | null = null;
  for (const [index, column] of columns.entries()) {
    const now = widths[index] ?? 0;
    if (column.min === undefined || now <= Math.max(column.min, width(column.title))) continue;
    if (found === null || now > (widths[found] ?? 0)) found = index;
  }
  return found;
}

function naturalWidth<T>(column: Column<T>, rows: readonly T[]): number {
  return rows.reduce((most, row) => Math.max(most, width(printable(column.value(row)))), width(column.title));
}

function headingLine<T>(columns: readonly Column<T>[], widths: readonly number[]): string {
  return columns
    .map((column, index) => pad(column.title, widths[index] ?? 0))
    .join(GAP)
    .trimEnd();
}

function rowLine<T>(columns: readonly Column<T>[], widths: readonly number[], row: T): string {
  const cells = columns.map((column, index) => {
    const text = printable(column.value(row));
    const room = widths[index] ?? 0;
    const shown = room === 0 || column.min === undefined ? text : fit(text, room);
    const padding = pad(shown, room).slice(shown.length);
    return (column.style?.(shown, row) ?? shown) + padding;
  });
  return cells.join(GAP).trimEnd();
}

/**
 * `name   value` lines, long values wrapped beside their name. A null value is left out. `broken`: how; `wrap` leaves long
 * words whole, for copying, `fold` cuts them where strangers choose the words.
 */
export function formatFields(
  fields: readonly (readonly [string, string | null])[],
  cells: number | null,
  broken: typeof wrap = wrap,
): string {
  const shown = fields.filter((field): field is readonly [string, string] => field[1] !== null);
  const names = shown.reduce((most, [name]) => Math.max(most, width(name)), 0);
  return shown.map(([name, value]) => fieldLines(pad(name, names), value, cells, broken)).join("\n");
}

function fieldLines(name: string, value: string, cells: number | null, broken: typeof wrap): string {
  const text = printable(value);
  const lines = cells === null ? [text] : broken(text, Math.max(20, cells - width(name) - GAP.length));
  return lines.map((line, index) => (index === 0 ? name : " ".repeat(width(name))) + GAP + line).join("\n");
}
