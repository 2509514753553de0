import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ENVIRONMENT } from "../support/environment.ts";

const ENTRY = fileURLToPath(new URL("./service-process.ts", import.meta.url));
/** Lines of the log kept for whoever has to find out. */
const LOG_LINES = 2_000;

/** What a service process is told at its start. */
export interface ServiceOrders {
  /** `POSTERN_*`; nothing else is inherited by the settings. */
  readonly env: Readonly<Record<string, string>>;
  /** `host:port`. */
  readonly temporal: string;
  /** File with the workflow bundle as JSON: made once, because it takes seconds. */
  readonly bundle: string;
}

interface Places {
  readonly smtp: { readonly host: string; readonly port: number };
  readonly http: string;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A whole Postern in a process of its own, there to be killed. */
export class Service {
  readonly smtp: Places["smtp"];
  readonly http: string;
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** JSON lines of level warn and above. */
  readonly log: readonly string[];
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, places: Places, exited: Promise<Exit>, log: readonly string[]) {
    this.smtp = places.smtp;
    this.http = places.http;
    this.pid = child.pid as number;
    this.exited = exited;
    this.log = log;
    this.#child = child;
  }

  /** Resolves when both doors are open; rejects with the text of the error that the start ended with. */
  static async start(orders: ServiceOrders, env = ENVIRONMENT): Promise<Service> {
    const child = fork(ENTRY, [JSON.stringify(orders)], { env, execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
    const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    const log = collect(child);
    return new Service(child, await firstWord(child, exited, log), exited, log);
  }

  /** SIGKILL: nothing is written, nobody is told. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGTERM, as a supervisor stops a service. Resolves to how it ended. */
  stop(): Promise<Exit> {
    this.#child.kill("SIGTERM");
    return this.exited;
  }
}

function collect(child: ChildProcess): readonly string[] {
  const lines: string[] = [];
  let rest = "";
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    lines.push(...parts);
    lines.splice(0, lines.length - LOG_LINES);
  });
  return lines;
}

async function firstWord(child: ChildProcess, exited: Promise<Exit>, log: readonly string[]): Promise<Places> {
  const said = new Promise<Places | { readonly refused: string }>((resolve) => child.once("message", resolve as (word: unknown) => void));
  const word = await Promise.race([said, exited]);
  if ("refused" in word) {
    await exited;
    throw new Error(word.refused);
  }
  if ("http" in word) return word;
  throw new Error(`the service ended while starting (${word.code ?? word.signal}): ${log.join("\n")}`);
}
