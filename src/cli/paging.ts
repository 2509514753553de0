import { InvalidArgumentError, type Command, type OptionValues } from "commander";
import type { Query } from "./client.ts";

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

export interface PageOptions extends OptionValues {
  readonly limit: number;
  readonly cursor?: string;
}

export function pageOptions(command: Command): Command {
  return command
    .option("--limit <n>", "how many, newest first, 1 to 200", parseLimit, 50)
    .option("--cursor <cursor>", "go on after the page that ended with it");
}

export function pageQuery({ limit, cursor }: PageOptions): Query {
  return { limit, cursor };
}

/** What to say below a page that is not the last. */
export function nextPage({ next_cursor }: Pick<Page<unknown>, "next_cursor">): string | null {
  return next_cursor === null ? null : `there is more: add \`--cursor ${next_cursor}\``;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!/^\d{1,3}$/.test(text) || limit < 1 || limit > 200) throw new InvalidArgumentError("give a whole number from 1 to 200");
  return limit;
}
