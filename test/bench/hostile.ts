import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { BOMBS } from "../hostile/bombs.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { startChild, type Child } from "./child.ts";
import type { Setup, Stall } from "./door-process.ts";
import { percentile } from "./figures.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";

const TO = "assistant@acme.example";

export const hostile: Measurement = {
  name: "hostile",
  about:
    "Hostile sessions and every bomb of the tests at the SMTP door, whose reader thread looks at each message, while a polite peer goes on sending. " +
    "The longest delay of a turn of the door's loop by the clock, and the longest turn by the thread's own processor time.",
  async run(terms) {
    const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
    const child = await startChild(new URL("./door-process.ts", import.meta.url), { root, to: TO, inspect: true } satisfies Setup);
    try {
      return await measure(terms, child);
    } finally {
      await child.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};

async function measure({ say }: Terms, child: Child): Promise<readonly Figure[]> {
  const port = await child.ask<number>("port");
  const politeness = startPolitePeer(port);
  await child.ask("watch");
  say("hostile: sessions");
  const attacker = new Worker(new URL("../smtp/hostile-peer.ts", import.meta.url), { workerData: { port, to: TO } });
  await once(attacker, "exit");
  say("hostile: bombs");
  for (const bomb of BOMBS) await drop(port, bomb.bytes());
  const { delay, turn } = await child.ask<Stall>("stalled");
  const answers = await politeness.end();
  return [
    { what: "longest delay of a turn of the accept loop", value: delay, unit: "ms", target: { most: 200 } },
    { what: "longest turn, processor time", value: turn, unit: "ms" },
    { what: "polite peer meanwhile, p99", value: percentile(answers, 0.99), unit: "ms" },
    { what: "polite peer meanwhile", value: answers.length, unit: "messages" },
  ];
}

async function drop(port: number, bytes: Buffer): Promise<void> {
  const client = await SmtpClient.open(port, "hostile.example");
  await client.send({ to: [TO], data: bytes });
  client.end();
}

function startPolitePeer(port: number): { end(): Promise<readonly number[]> } {
  let over = false;
  const run = async (): Promise<readonly number[]> => {
    const client = await SmtpClient.open(port);
    const answers: number[] = [];
    while (!over) {
      const started = performance.now();
      await client.send({ to: [TO], data: `Subject: ${answers.length}\r\n\r\nHello.\r\n` });
      answers.push(performance.now() - started);
    }
    client.end();
    return answers;
  };
  const running = run();
  return {
    end: () => {
      over = true;
      return running;
    },
  };
}
