import { Client } from "pg";
import { clientConfig, type Session } from "./session.ts";
import type { DatabaseTarget } from "./target.ts";

/** On which channel every write says which keys it moved; one notification a key. */
const CHANNEL = "postern";

/** Instead of a key that is longer than a notification may be: anything may have moved. */
const ANYTHING = "";
const LONGEST_PAYLOAD = 7_999;

/** Part of the transaction under way: heard by everybody if it is committed, else by nobody. */
export async function notify(session: Session, keys: readonly string[]): Promise<void> {
  const payloads = keys.map((key) => (Buffer.byteLength(key) > LONGEST_PAYLOAD ? ANYTHING : key));
  await session.query(`select pg_notify('${CHANNEL}', key) from unnest($1::text[]) as key`, [payloads]);
}

export interface ListenerOptions {
  readonly target: DatabaseTarget;
  /** The server's numbers of connections whose writes this process hears of by itself. */
  readonly own: ReadonlySet<number>;
  readonly onTouched: (keys: readonly string[]) => void;
  /** Something may have been missed. */
  readonly onGap: () => void;
}

/** Milliseconds between two attempts to hear again. */
const RETRY = 1_000;
/** How often the server is asked whether it is still there: a silent network is told from a silent hour. */
const HEARTBEAT = 5_000;
/** The safety net: watchers look by themselves this often, whatever was heard. */
const SLOW_POLL = 15_000;

/**
 * Hears what other processes have committed, over one connection of its own. While that is lost, and once when it is
 * there again, everybody is woken to look.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #client: Client | null = null;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  readonly #poll: NodeJS.Timeout;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#poll = setInterval(() => options.onGap(), SLOW_POLL);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT);
  }

  /** Resolves when it hears; rejects when the server cannot be reached, and goes on trying either way. */
  async start(): Promise<void> {
    const client = new Client({ ...clientConfig(this.#options.target), application_name: "postern listener" });
    this.#client = client;
    client.on("error", () => undefined);
    client.once("end", () => this.#lose(client));
    client.on("notification", ({ processId, payload }) => this.#hear(processId, payload ?? ANYTHING));
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
    } catch (error) {
      this.#lose(client);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#poll);
    clearInterval(this.#heartbeat);
    clearTimeout(this.#retry);
    await end(this.#client);
  }

  #hear(processId: number, payload: string): void {
    if (payload === ANYTHING) this.#options.onGap();
    else if (!this.#options.own.has(processId)) this.#options.onTouched([payload]);
  }

  #beat(): void {
    const client = this.#client;
    // An answer that does not come ends the connection, which is heard as its loss.
    client?.query("select 1").catch(() => this.#lose(client));
  }

  #lose(client: Client): void {
    if (this.#client !== client) return;
    this.#client = null;
    void end(client);
    this.#options.onGap();
    this.#again();
  }

  #again(): void {
    if (this.#closed) return;
    this.#retry = setTimeout(() => {
      this.start().then(
        () => this.#options.onGap(),
        // Tried again by then.
        () => undefined,
      );
    }, RETRY);
  }
}

async function end(client: Client | null): Promise<void> {
  await client?.end().catch(() => undefined);
}
