import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** One request as it came. */
export interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly at: number;
}

/** Answers one request. */
export type Answer = (response: ServerResponse, received: Received) => void;

export function answerWith(status: number, headers: Record<string, string> = {}): Answer {
  return (response) => void response.writeHead(status, headers).end();
}

/** A real HTTP server that keeps what it is sent, and answers as it is told: 204 unless told otherwise. */
export class Receiver {
  readonly url: string;
  readonly received: Received[] = [];
  answer: Answer = answerWith(204);
  readonly #server: ReturnType<typeof createServer>;
  readonly #waiting: (() => void)[] = [];

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mail`;
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const receiver = new Receiver(server);
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => void chunks.push(chunk));
      request.on("end", () => {
        const received = {
          path: request.url ?? "",
          headers: textHeaders(request.headers),
          body: Buffer.concat(chunks).toString(),
          at: Date.now(),
        };
        receiver.received.push(received);
        receiver.answer(response, received);
        for (const wake of receiver.#waiting.splice(0)) wake();
      });
    });
    return receiver;
  }

  /** The first requests that fit, as soon as there are so many. */
  async until(count: number, fits: (received: Received) => boolean = () => true): Promise<readonly Received[]> {
    for (;;) {
      const found = this.received.filter(fits);
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function textHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** As a careful receiver does it, by the library of Standard Webhooks. Throws when it must have no effect. */
export function open(
  secret: string,
  { body, headers }: Received,
): { readonly type: string; readonly timestamp: string; readonly data: any } {
  return new Webhook(secret).verify(body, headers) as never;
}
