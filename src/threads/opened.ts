import type { OpenedMail } from "../mail/read.ts";
import type { StoredMessage, Violation } from "../mail/reader.ts";

export interface OpenedBounds {
  /** Bytes of raw mail kept parsed; the parsed form is a few times that. */
  readonly bytes: number;
  /** Messages; default 200. */
  readonly messages?: number;
}

type Opened = Promise<OpenedMail | Violation>;

/**
 * Messages parsed lately: the steps of one judgement, a second apart, read the same message. Least recently used goes
 * first; the latest one stays whatever its size, or every step of a large message would parse it anew.
 */
export class OpenedMails {
  readonly #bounds: Required<OpenedBounds>;
  readonly #mails = new Map<string, { readonly opened: Opened; readonly size: number }>();
  #bytes = 0;

  constructor(bounds: OpenedBounds) {
    this.#bounds = { messages: 200, ...bounds };
  }

  open({ tenant, ref }: StoredMessage, open: () => Opened): Opened {
    const name = `${tenant}/${ref.digest}`;
    const known = this.#mails.get(name);
    if (known === undefined) return this.#keep(name, open(), ref.size);
    this.#mails.delete(name);
    this.#mails.set(name, known);
    return known.opened;
  }

  #keep(name: string, opened: Opened, size: number): Opened {
    this.#mails.set(name, { opened, size });
    this.#bytes += size;
    // What could not be read now may be there the next time.
    opened.catch(() => this.#mails.get(name)?.opened === opened && this.#drop(name));
    for (const oldest of this.#mails.keys()) {
      if (this.#mails.size === 1 || (this.#bytes <= this.#bounds.bytes && this.#mails.size <= this.#bounds.messages)) break;
      this.#drop(oldest);
    }
    return opened;
  }

  #drop(name: string): void {
    this.#bytes -= this.#mails.get(name)?.size ?? 0;
    this.#mails.delete(name);
  }
}
