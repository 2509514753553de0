import { SmtpFault } from "./fault.ts";
import { Places } from "./places.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";

export interface PoolOptions extends SessionOptions {
  /** Connections to the relay at once. */
  readonly connections: number;
  /** Milliseconds a connection is kept without use. */
  readonly idleMs: number;
  /** Messages over one connection; relays have bounds of their own, and tell them by closing. */
  readonly messages: number;
}

interface Kept {
  readonly session: Session;
  readonly used: number;
}

/** Connections to one relay, one transaction at a time each. */
export class Pool {
  readonly #options: PoolOptions;
  readonly #places: Places;
  /** With the timer that ends each. */
  readonly #idle = new Map<Kept, NodeJS.Timeout>();
  /** With the messages carried, this one included. */
  readonly #lent = new Map<Session, number>();
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#places = new Places(options.connections);
  }

  /** A session ready for MAIL, for `give` afterwards. Rejects with a `SmtpFault`. `deadline` is on `performance.now()`'s scale. */
  async take(deadline: number, signal: AbortSignal): Promise<Session> {
    if (this.#closed) throw new SmtpFault("postern is stopping", "queue");
    if (!(await this.#places.take(deadline, signal))) throw new SmtpFault("no connection to the relay has become free", "queue");
    try {
      const kept = await this.#reusable(deadline);
      const session = kept?.session ?? (await openSession(this.#options, deadline, signal));
      this.#lent.set(session, (kept?.used ?? 0) + 1);
      return session;
    } catch (error) {
      this.#places.leave();
      throw error;
    }
  }

  /** Used again unless it was cut, has spoken unasked or has carried enough. */
  give(session: Session): void {
    const used = this.#lent.get(session) ?? 0;
    this.#lent.delete(session);
    if (!session.wire.usable) session.wire.cut(new SmtpFault("not used again", "QUIT"));
    else if (this.#closed || used >= this.#options.messages) void session.wire.quit(this.#options.times.check);
    else this.#keep({ session, used });
    this.#places.leave();
  }

  /** QUIT on what is idle; what is lent is cut, and its transaction ends as if the relay had closed. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#places.clear();
    for (const { wire } of this.#lent.keys()) wire.cut(new SmtpFault("postern is stopping", wire.step));
    const idle = [...this.#idle.keys()];
    for (const kept of idle) this.#forget(kept);
    await Promise.all(idle.map(({ session }) => session.wire.quit(this.#options.times.check)));
  }

  #keep(kept: Kept): void {
    const { wire } = kept.session;
    const end = (): void => {
      this.#forget(kept);
      void wire.quit(this.#options.times.check);
    };
    wire.rest();
    this.#idle.set(kept, setTimeout(end, this.#options.idleMs).unref());
  }

  #forget(kept: Kept): void {
    clearTimeout(this.#idle.get(kept));
    this.#idle.delete(kept);
  }

  /** The one used last, if it still answers: a relay may have closed it meanwhile. */
  async #reusable(deadline: number): Promise<Kept | null> {
    for (let kept = this.#last(); kept !== undefined; kept = this.#last()) {
      this.#forget(kept);
      if (await this.#answers(kept.session, deadline)) return kept;
    }
    return null;
  }

  #last(): Kept | undefined {
    return [...this.#idle.keys()].at(-1);
  }

  async #answers({ wire }: Session, deadline: number): Promise<boolean> {
    try {
      wire.wake(deadline);
      const { code } = await wire.command("RSET", "RSET", this.#options.times.check);
      if (code === 250) return true;
      wire.cut(new SmtpFault(`the relay said ${code}`, "RSET"));
    } catch (error) {
      if (!(error instanceof SmtpFault)) throw error;
    }
    return false;
  }
}
