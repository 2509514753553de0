import { openMail, type OpenedMail } from "../mail/read.ts";
import type { StoredMessage, Violation } from "../mail/reader.ts";

/** Bytes of raw mail kept parsed per thread; the parsed form is a few times that. */
const MOST_BYTES = 16 * 1024 * 1024;
const MOST = 200;

/**
 * Messages parsed lately: the steps of one judgement, a second apart, read the same message. Least recently used goes
 * first; a message over the bound is parsed anew for every step.
 */
export class OpenedMails {
  readonly #mails = new Map<string, { readonly opened: Promise<OpenedMail | Violation>; readonly size: number }>();
  #bytes = 0;

  open({ tenant, ref }: StoredMessage, read: () => Promise<Buffer>): Promise<OpenedMail | Violation> {
    const name = `${tenant}/${ref.digest}`;
    const known = this.#mails.get(name);
    if (known !== undefined) {
      this.#mails.delete(name);
      this.#mails.set(name, known);
      return known.opened;
    }
    const opened = read().then((raw) => openMail(raw));
    if (ref.size <= MOST_BYTES) this.#keep(name, opened, ref.size);
    return opened;
  }

  #keep(name: string, opened: Promise<OpenedMail | Violation>, size: number): void {
    this.#mails.set(name, { opened, size });
    this.#bytes += size;
    opened.catch(() => this.#drop(name));
    for (const oldest of this.#mails.keys()) {
      if (this.#bytes <= MOST_BYTES && this.#mails.size <= MOST) break;
      this.#drop(oldest);
    }
  }

  #drop(name: string): void {
    this.#bytes -= this.#mails.get(name)?.size ?? 0;
    this.#mails.delete(name);
  }
}
