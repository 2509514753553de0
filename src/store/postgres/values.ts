import type { CustomTypesConfig } from "pg";
import { types } from "pg";
import { PosternError } from "../../model/errors.ts";

const { BOOL, INT8, NUMERIC } = types.builtins;

/** Values as SQLite gives them: numbers as numbers, also counts and sums, and truth as 0 or 1. */
export const TYPES: CustomTypesConfig = {
  getTypeParser: (oid, format) => {
    if (format === "binary") return types.getTypeParser(oid, format);
    switch (Number(oid)) {
      case INT8:
      case NUMERIC:
        return toNumber;
      case BOOL:
        return (text: string) => (text === "t" ? 1 : 0);
      default:
        return types.getTypeParser(oid, format);
    }
  },
};

/** Whole, and exact: what a number cannot hold is a fault, never rounded. */
function toNumber(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number)) return number;
  throw new PosternError("internal", "the store failed", { detail: "a number in the database is beyond what is counted with" });
}

/**
 * PostgreSQL's text holds no NUL, and UTF-8 no half of a pair. Where such a text comes this far it is stored and sought
 * with U+FFFD in their place, as a gate that stumbled over it would answer 451 for ever.
 */
export function toParameter(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const whole = value.isWellFormed() ? value : value.toWellFormed();
  return whole.includes("\0") ? whole.replaceAll("\0", "\uFFFD") : whole;
}
