import { spawn } from "node:child_process";

/** How a command ended. `output` is the end of stdout and stderr together, at most 64 KiB. */
export interface Ran {
  /** Null when it could not be started or was ended by a signal. */
  readonly code: number | null;
  readonly output: string;
  /** The executable does not exist. */
  readonly missing: boolean;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds; then SIGKILL. Default: none. */
  readonly timeoutMs?: number;
  /** Called with every line of output. */
  readonly onLine?: (line: string) => void;
}

const KEEP = 64 * 1024;

/** Runs a command to its end without a shell and without stdin. Never rejects: a failure is a value. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      killSignal: "SIGKILL",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    });
    let output = "";
    const take = (chunk: string): void => {
      output = (output + chunk).slice(-KEEP);
      for (const line of chunk.split("\n")) if (line.trim() !== "") options.onLine?.(line.trim());
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", (error: NodeJS.ErrnoException) => resolve({ code: null, output: error.message, missing: error.code === "ENOENT" }));
    child.on("close", (code) => resolve({ code, output, missing: false }));
  });
}

/** The last lines of a program's output, for an error's detail. */
export function tail(output: string, lines = 15): string {
  return output.trimEnd().split("\n").slice(-lines).join("\n");
}
