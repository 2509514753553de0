import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The embedded server knows SQLite only; these two make the schema on PostgreSQL and serve from it. */
const PROGRAMS = ["temporal-sql-tool", "temporal-server"];

/** Why no Temporal server on PostgreSQL is started here, as the reason of a skipped test. */
export const NO_SQL_TEMPORAL = reason(PROGRAMS.filter((program) => !isOnPath(program)));

function reason(absent: readonly string[]): string {
  if (absent.length > 0) return `not on PATH: ${absent.map((program) => `\`${program}\``).join(", ")}`;
  return `\`${PROGRAMS.join("` and `")}\` are on PATH, but what starts the servers of these tests knows only the embedded one`;
}

function isOnPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => folder !== "" && existsSync(join(folder, program)));
}
