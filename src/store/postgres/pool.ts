import { Pool, type ClientBase, type PoolClient } from "pg";
import { isLost, isOutdated, QueryFault } from "./fault.ts";
import { clientConfig, openSession, type Session } from "./session.ts";
import type { DatabaseTarget } from "./target.ts";

/**
 * Connections of one kind, made as they are needed and kept. One that was lost is forgotten; the next call makes another,
 * so the store is whole again as soon as its server is.
 */
export class Sessions {
  readonly #pool: Pool;
  readonly #sessions = new WeakMap<ClientBase, Session>();
  readonly #own: Set<number>;
  readonly #most: number;

  /** `own`: the server's numbers of the connections made here are added to it. */
  constructor(target: DatabaseTarget, kind: "read" | "write", most: number, own: Set<number>) {
    this.#own = own;
    this.#most = most;
    // Waited for, though its type does not say so.
    const onConnect = (client: ClientBase): unknown => this.#settle(client, kind);
    this.#pool = new Pool({
      ...clientConfig(target),
      max: most,
      idleTimeoutMillis: 60_000,
      onConnect,
    });
    // A lost connection is told to whoever uses it; one at rest is nobody's loss.
    this.#pool.on("error", () => undefined);
  }

  /**
   * Lends a connection, and another where that one's statements were prepared before the schema changed. Whoever borrows leaves
   * no transaction open, or it is closed with everything in it.
   */
  async borrow<T>(use: (session: Session) => Promise<T>): Promise<T> {
    for (let old = 0; old < this.#most; old += 1) {
      try {
        return await this.#lend(use);
      } catch (error) {
        if (!isOutdated(error)) throw error;
      }
    }
    return this.#lend(use);
  }

  async #lend<T>(use: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#connect();
    let broken = true;
    try {
      const result = await use(this.#sessions.get(client)!);
      broken = false;
      return result;
    } catch (error) {
      broken = isLost(error) || isOutdated(error) || client.getTransactionStatus() !== "I";
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** Waits for those that are lent. */
  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      // Whatever the server has against it: a connection that is not made is one that is lost.
      throw new QueryFault(error, null);
    }
  }

  async #settle(client: ClientBase, kind: "read" | "write"): Promise<void> {
    client.on("error", () => undefined);
    const { session, pid } = await openSession(client, kind);
    this.#sessions.set(client, session);
    this.#own.add(pid);
    client.once("end", () => this.#own.delete(pid));
  }
}
