import { Worker } from "node:worker_threads";
import type { Instance } from "../support/instance.ts";

export interface Told {
  readonly name: string;
  /** Code, enhanced code and text. */
  readonly reply: string;
  /** From connecting to the reply. */
  readonly ms: number;
}

/** Sends bombs by name from a thread of its own. */
export class Crowd {
  readonly #thread: Worker;
  readonly #waiting = new Map<string, (told: Told) => void>();

  constructor({ running }: Instance) {
    this.#thread = new Worker(new URL("./bomber.ts", import.meta.url), { workerData: running.smtp });
    this.#thread.on("message", (told: Told) => this.#waiting.get(told.name)?.(told));
    this.#thread.on("error", (error) => this.#waiting.forEach((resolve, name) => resolve({ name, reply: String(error), ms: 0 })));
  }

  send(name: string, to: string, ip: string): Promise<Told> {
    return new Promise((resolve) => {
      this.#waiting.set(name, resolve);
      this.#thread.postMessage({ name, to, ip });
    });
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }
}
