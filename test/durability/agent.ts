import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../src/cli/client.ts";
import { PosternError } from "../../src/model/errors.ts";

type WaitResult =
  | { readonly type: "message"; readonly message: { readonly id: string }; readonly cursor: string }
  | { readonly type: "timeout"; readonly cursor: string };

const PAUSE_MS = 50;

/** An agent that pulls its mail with `wait` and keeps its cursor, whatever happens to the service. */
export class Agent {
  /** Ids in the order they came, repeated ones included. */
  readonly seen: string[] = [];
  /** Calls that failed because the service was away. */
  failures = 0;
  readonly #client: Client;
  readonly #path: string;
  #cursor: string | undefined;
  #last = false;

  constructor(client: Client, mailbox: string) {
    this.#client = client;
    this.#path = `/v1/mailboxes/${mailbox}/wait`;
  }

  /** Pulls until `finish` was called and nothing more comes. */
  async run(): Promise<void> {
    for (;;) {
      const last = this.#last;
      const result = await this.#wait(last ? 0 : 1);
      if (result?.type === "timeout" && last) return;
    }
  }

  /** One look without waiting; resolves to all that was seen so far. */
  async pull(): Promise<readonly string[]> {
    await this.#wait(0);
    return this.seen;
  }

  finish(): void {
    this.#last = true;
  }

  async #wait(timeout_s: number): Promise<WaitResult | null> {
    try {
      const result = await this.#client.get<WaitResult>(this.#path, { timeout_s, after: this.#cursor });
      if (result.type === "message") this.seen.push(result.message.id);
      this.#cursor = result.cursor;
      return result;
    } catch (error) {
      if (!(error instanceof PosternError) || !error.temporary) throw error;
      this.failures += 1;
      await delay(PAUSE_MS);
      return null;
    }
  }
}

/** What a fresh agent without a cursor gets, to the end. */
export async function readAll(client: Client, mailbox: string): Promise<readonly string[]> {
  const agent = new Agent(client, mailbox);
  agent.finish();
  await agent.run();
  return agent.seen;
}
