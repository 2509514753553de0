import { randomBytes } from "node:crypto";
import type { CliDeps, Environment, ServiceParts } from "../../src/cli/deps.ts";
import { processDeps } from "../../src/cli/process.ts";
import { run } from "../../src/cli/program.ts";
import { loadConfig } from "../../src/config.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as JSON. */
  readonly json: any;
}

export interface RunOptions {
  readonly env?: Environment;
  readonly stdin?: string | Buffer;
  /** Absent: a pipe. */
  readonly columns?: number;
  readonly deps?: Partial<CliDeps>;
}

/** One command line in this process, with everything real but the streams and the environment. */
export async function cli(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const stream = (chunks: Buffer[]) => ({
    write: (chunk: string | Uint8Array) => void chunks.push(Buffer.from(chunk)),
    isTTY: options.columns !== undefined,
    columns: options.columns,
  });
  const deps: CliDeps = {
    ...real,
    env: { POSTERN_DATA: "/nowhere", ...options.env },
    stdin: async () => Buffer.from(options.stdin ?? ""),
    stdout: stream(out),
    stderr: stream(err),
    random: (bytes) => randomBytes(bytes),
    version: "0.0.0-test",
    exitNow: (code) => {
      throw new Error(`ended with ${code}`);
    },
    service: noService,
    ...options.deps,
  };
  const code = await run(argv, deps);
  const text = Buffer.concat(out).toString("utf8");
  return {
    code,
    out: text,
    err: Buffer.concat(err).toString("utf8"),
    get json() {
      return JSON.parse(text) as unknown;
    },
  };
}

const real = processDeps();

/** Settings are read for real; nothing can be started. */
export const noService: ServiceParts = {
  loadConfig: async (env) => loadConfig({ ...env }),
  start: () => Promise.reject(new Error("nothing starts here")),
  temporalOf: async () => null,
};

/** The error document of `--json`. */
export function errorOf(ran: Ran): { code: string; message: string; fix?: string; errors?: { path: string; message: string }[] } {
  return (JSON.parse(ran.err) as { error: ReturnType<typeof errorOf> }).error;
}
