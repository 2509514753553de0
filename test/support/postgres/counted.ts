import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { DatabaseTarget } from "../../../src/store/postgres/target.ts";

/** What has gone over the wire. */
export interface Count {
  /** How often the server was asked while it owed no answer: each is a wait for the network. */
  readonly roundTrips: number;
  /** Statements it was asked to carry out, also those that begin and end a transaction. */
  readonly statements: number;
}

export interface CountedServer {
  readonly target: DatabaseTarget;
  /** Of all connections so far, but those that listen. */
  count(): Count;
  /** Whether every answer has come and no transaction is open. */
  isSettled(): boolean;
  close(): Promise<void>;
}

/** The way to a server, unencrypted, on which everything that is said to it is counted. */
export async function countOver(target: DatabaseTarget): Promise<CountedServer> {
  const lines = new Set<Line>();
  const server = createServer((client) => {
    const upstream = connect(target.port, target.host);
    const line = new Line();
    lines.add(line);
    client.on("data", (chunk) => line.asked(chunk));
    upstream.on("data", (chunk) => line.answered(chunk));
    join(client, upstream);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const sum = (figure: keyof Count): number => [...lines].reduce((all, line) => all + (line.listens ? 0 : line[figure]), 0);
  return {
    target: { ...target, host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    count: () => ({ roundTrips: sum("roundTrips"), statements: sum("statements") }),
    isSettled: () => [...lines].every((line) => line.isSettled()),
    close: async () => void (await once(server.close(), "close")),
  };
}

function join(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

/** One connection, by the letters of its messages (PostgreSQL, "Message Formats"). */
class Line {
  roundTrips = 0;
  statements = 0;
  listens = false;
  /** Answers that the server owes; the first is that to the start-up. */
  #owed = 1;
  #inTransaction = false;
  readonly #questions = new Messages(4);
  readonly #answers = new Messages(0);

  asked(chunk: Buffer): void {
    for (const { letter, body } of this.#questions.read(chunk)) {
      if (letter === "E" || letter === "Q") this.statements += 1;
      if (letter === "Q" && body.toString("latin1").startsWith("listen ")) this.listens = true;
      if (letter !== "S" && letter !== "Q") continue;
      if (this.#owed === 0) this.roundTrips += 1;
      this.#owed += 1;
    }
  }

  answered(chunk: Buffer): void {
    for (const { letter, body } of this.#answers.read(chunk)) {
      if (letter !== "Z") continue;
      this.#owed -= 1;
      this.#inTransaction = body.toString("latin1") !== "I";
    }
  }

  isSettled(): boolean {
    return this.#owed === 0 && !this.#inTransaction;
  }
}

/** Cuts a stream into its messages. */
class Messages {
  /** Bytes before the length: none in the first message of a client. */
  #nameless: boolean;
  #rest: Buffer = Buffer.alloc(0);

  /** `first`: bytes of length without a letter before it that the stream begins with; 0 or 4. */
  constructor(first: 0 | 4) {
    this.#nameless = first === 4;
  }

  *read(chunk: Buffer): Generator<{ readonly letter: string; readonly body: Buffer }> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const head = this.#nameless ? 0 : 1;
      if (this.#rest.length < head + 4) return;
      const end = head + this.#rest.readInt32BE(head);
      if (this.#rest.length < end) return;
      const letter = this.#rest.toString("latin1", 0, head);
      const body = this.#rest.subarray(head + 4, end);
      this.#rest = this.#rest.subarray(end);
      this.#nameless = false;
      yield { letter, body };
    }
  }
}
