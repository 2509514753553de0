import { z } from "@hono/zod-openapi";

const CURSOR_EXAMPLE = "WzE3OTUyNTUyMDAwMDAsIm1zZ18xaDNrIl0";

/** `?limit&cursor` of every list. */
export const PageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(200).default(50).openapi({ example: 50, description: "Items per page." }),
  cursor: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .openapi({ example: CURSOR_EXAMPLE, description: "`next_cursor` of the page before; opaque." }),
});

/** Newest first; `next_cursor` is null on the last page. */
export function pageOf<T extends z.ZodType>(name: string, item: T) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable().openapi({ example: CURSOR_EXAMPLE }) }).openapi(name);
}

/** Leaves absent what is undefined: optional arguments of the store are absent or there. */
export function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** RFC 3339, UTC, milliseconds. */
export function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
