import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startChild, type Child } from "./child.ts";
import { median, percentile } from "./figures.ts";
import { deliver } from "./load.ts";
import { openMailSource, type MailSource } from "./mail.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import type { Setup } from "./door-process.ts";

const CONNECTIONS = 50;
const TO = "assistant@acme.example";

export const accept: Measurement = {
  name: "accept",
  about:
    "Durable accept of real mail at 50 connections in a closed loop: the blob alone (write, fsync, rename, fsync of the directory), and the SMTP door from the final dot " +
    "to the reply with a gate that answers at once and a receipt in SQLite for every message.",
  async run(terms) {
    const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
    const child = await startChild(new URL("./door-process.ts", import.meta.url), { root, to: TO, inspect: false } satisfies Setup);
    try {
      return await measure(terms, child, await openMailSource());
    } finally {
      await child.stop();
      await rm(root, { recursive: true, force: true });
    }
  },
};

interface Round {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

async function measure({ quick, say }: Terms, child: Child, source: MailSource): Promise<readonly Figure[]> {
  const port = await child.ask<number>("port");
  const [rounds, count] = quick ? [2, 500] : [5, 1_000];
  const puts: Round[] = [];
  const answers: Round[] = [];
  const alone: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    say(`accept: round ${round} of ${rounds}`);
    const mails = await source.take(count);
    const put = await child.ask<{ ms: number; each: number[] }>("put", { mails: mails.slice(0, count / 2), atOnce: CONNECTIONS });
    puts.push(roundOf(put.each, put.ms));
    const started = performance.now();
    const each = await deliver({ port, to: TO, peers: false }, mails.slice(count / 2), CONNECTIONS);
    answers.push(roundOf(each, performance.now() - started));
    alone.push(median((await child.ask<{ each: number[] }>("put", { mails: mails.slice(0, 20), atOnce: 1 })).each));
  }
  const of = (seen: readonly Round[], figure: keyof Round): number => median(seen.slice(1).map((round) => round[figure]));
  return [
    { what: "blob and fsync at 50, p99", value: of(puts, "p99"), unit: "ms", target: { most: 20 } },
    { what: "blob and fsync at 50, p50", value: of(puts, "p50"), unit: "ms" },
    { what: "blob and fsync at 50", value: of(puts, "rate"), unit: "blobs/s" },
    { what: "blob and fsync alone, p50", value: median(alone.slice(1)), unit: "ms" },
    { what: "the door's answer at 50, p99", value: of(answers, "p99"), unit: "ms" },
    { what: "the door's answer at 50, p50", value: of(answers, "p50"), unit: "ms" },
    { what: "the door at 50", value: of(answers, "rate"), unit: "messages/s" },
  ];
}

function roundOf(each: readonly number[], ms: number): Round {
  return { rate: (each.length * 1000) / ms, p50: median(each), p99: percentile(each, 0.99) };
}
