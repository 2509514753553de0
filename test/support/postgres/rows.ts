import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from "node:worker_threads";

/** Rows past the store, as a crash or another release may leave them, or as nobody should be able to. */
export type Rows = Pick<DatabaseSync, "prepare" | "exec" | "close"> & Disposable;

/** Of a SQLite file or of a `postgres://` database, in the words of SQLite and at once. */
export function openRows(path: string): Rows {
  if (!path.startsWith("postgres://")) return new DatabaseSync(path, { timeout: 10_000 });
  const prepare = (sql: string) => ({
    all: (...values: SQLInputValue[]) => ask(path, sql, values).rows,
    get: (...values: SQLInputValue[]) => ask(path, sql, values).rows[0],
    run: (...values: SQLInputValue[]) => ({ changes: ask(path, sql, values).changes, lastInsertRowid: 0 }),
  });
  const rows = { prepare, exec: (sql: string) => void ask(path, sql, []), close: () => undefined, [Symbol.dispose]: () => undefined };
  return rows as unknown as Rows;
}

export interface Asked {
  readonly url: string;
  readonly sql: string;
  readonly values: readonly unknown[];
}

export type Told = { readonly rows: readonly Record<string, unknown>[]; readonly changes: number } | { readonly message: string };

interface Line {
  readonly worker: Worker;
  readonly signal: Int32Array<SharedArrayBuffer>;
  readonly port: MessagePort;
}

let line: Line | undefined;

function ask(url: string, sql: string, values: readonly unknown[]): Exclude<Told, { message: string }> {
  const { worker, signal, port } = (line ??= openLine());
  Atomics.store(signal, 0, 0);
  worker.postMessage({ url, sql: inOtherWords(sql), values } satisfies Asked);
  if (Atomics.wait(signal, 0, 0, 20_000) === "timed-out") throw new Error(`no answer: ${sql}`);
  const told = (receiveMessageOnPort(port) as { message: Told }).message;
  if ("message" in told) throw new Error(told.message);
  return told;
}

function openLine(): Line {
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("./rows-thread.ts", import.meta.url), { workerData: { signal, port: port2 }, transferList: [port2] });
  worker.unref();
  return { worker, signal, port: port1 };
}

/** `?` are counted, and rows are in the order in which they were written. */
function inOtherWords(sql: string): string {
  let place = 0;
  return sql.replaceAll("?", () => `$${(place += 1)}`).replaceAll(/\browid\b/g, "(xmin::text::bigint * 1000 + cmin::text::bigint)");
}
