import type { Config } from "../config.ts";
import type { Running, Working, ServeOptions } from "../serve.ts";

/** Everything the commands touch outside themselves; the real ones are chosen in `main.ts`. */
export interface CliDeps {
  readonly env: Environment;
  /** All of standard input. */
  readonly stdin: () => Promise<Buffer>;
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly files: Files;
  readonly fetch: typeof fetch;
  /** Epoch milliseconds. */
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly version: string;
  /** Calls `listener` at every SIGINT and SIGTERM until the returned function is called. */
  readonly onSignal: (listener: () => void) => () => void;
  /** Ends the process at once, when a clean stop takes too long or is not wanted. */
  readonly exitNow: (code: number) => void;
  readonly service: ServiceParts;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Stream {
  write(chunk: string | Uint8Array): void;
  readonly isTTY: boolean;
  /** Undefined where nobody looks: output is not fitted to any width. */
  readonly columns: number | undefined;
}

export interface Files {
  /** Rejects like `fs.readFile`: the error has `code`. */
  read(path: string): Promise<Buffer>;
  /** Makes the file, never overwrites (`EEXIST`). */
  create(path: string, bytes: Uint8Array): Promise<void>;
  /** Paths that match, sorted. */
  glob(pattern: string, directory: string): Promise<readonly string[]>;
}

/** Parts of the service itself, for the commands that do not speak HTTP. Loaded when asked for: they are large. */
export interface ServiceParts {
  loadConfig(env: Environment): Promise<Config>;
  /** Gateway and workers in this process. `embedded` also starts a Temporal server under the data directory. */
  start(config: Config, options: { readonly embedded: boolean }): Promise<Started>;
  /** Where the Temporal server is; null: embedded, and never started here. */
  temporalOf(config: Config): Promise<TemporalPlace | null>;
}

export type TemporalPlace = ServeOptions["temporal"] & { readonly embedded: boolean };

export interface Started {
  /** A worker has no SMTP door, and at `http` only probes. */
  readonly running: Pick<Working, "http"> & Partial<Pick<Running, "smtp" | "lmtp">>;
  /** What the workflows run on, for people. */
  readonly temporal: string;
  /** Resolves when everything has stopped. */
  close(): Promise<void>;
  /** Rejects when the service breaks by itself. */
  readonly failed: Promise<never>;
}
