import { pino, type Logger } from "pino";
import type { Config } from "./config.ts";

/**
 * JSON lines, on standard error or in a file. What is logged are ids, counts and codes; an error is logged as name, code and stack
 * frames, because its message could quote what a peer sent.
 */
export function createLog(level: Config["logLevel"], file?: string): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: errorFacts } },
    pino.destination(file === undefined ? 2 : { dest: file, mode: 0o600, sync: false }),
  );
}

/** What may be known of any error. */
export function errorFacts(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { code, detail } = error as Error & { code?: unknown; detail?: unknown };
  const frames = error.stack?.split("\n").filter((line) => line.trimStart().startsWith("at ")) ?? [];
  return { name: error.name, code, detail, frames: frames.slice(0, 5).map((line) => line.trim()) };
}
