import { PosternError } from "../model/errors.ts";
import type { Page, PageArgs } from "./contract.ts";

/** Place in a list ordered newest first: time and id of the last row seen. */
export interface Place {
  readonly at: number;
  readonly id: string;
}

const MOST = 500;

/** Rows to return: at least 1, at most 500. */
export function pageSize(args: PageArgs): number {
  return Math.min(Math.max(1, Math.trunc(args.limit)), MOST);
}

/** `rows`: one more than the page holds, so that the last page knows it is the last. */
export function toPage<Row, Item>(rows: readonly Row[], size: number, place: (row: Row) => Place, item: (row: Row) => Item): Page<Item> {
  const shown = rows.slice(0, size);
  const last = shown.at(-1);
  return { items: shown.map(item), next_cursor: rows.length > size && last !== undefined ? formatCursor(place(last)) : null };
}

export function formatCursor(place: Place): string {
  return Buffer.from(JSON.stringify([place.at, place.id])).toString("base64url");
}

/** Throws `invalid_request` for anything `formatCursor` did not make. */
export function parseCursor(cursor: string): Place {
  const place = cursor.length <= 200 ? readPlace(cursor) : null;
  if (place !== null && formatCursor(place) === cursor) return place;
  throw new PosternError("invalid_request", "the cursor is not one of ours", {
    fix: "pass `next_cursor` of the page before unchanged, or leave `cursor` out for the first page",
  });
}

function readPlace(cursor: string): Place | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
    if (!Array.isArray(value) || value.length !== 2) return null;
    const [at, id] = value as unknown[];
    return Number.isSafeInteger(at) && typeof id === "string" ? { at: at as number, id } : null;
  } catch {
    return null;
  }
}
