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
const PER_SECOND = 300;
const TO = "assistant@acme.example";

export const accept: Measurement = {
  name: "accept",
  about:
    "Durable accept of real mail at 50 connections in a closed loop: the blob alone (written to the journal and synced there), and the SMTP door from the final dot " +
    "to the reply with a gate that answers at once and a receipt in SQLite for every message. Files are made of blobs a minute later; what that costs those who come " +
    "then is the steady figure, in which it happens a second later, from when a blob was due.",
  async run(terms) {
    const source = await openMailSource();
    const bursts = await withChild({}, (child) => measure(terms, child, source));
    return [...bursts, ...(await withChild({ restMs: 500 }, (child) => measureSteady(terms, child, source)))];
  },
};

async function withChild<T>(options: Pick<Setup, "restMs">, use: (child: Child) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
  const setup: Setup = { root, to: TO, inspect: false, ...options };
  const child = await startChild(new URL("./door-process.ts", import.meta.url), setup);
  try {
    return await use(child);
  } finally {
    await child.stop();
    await rm(root, { recursive: true, force: true });
  }
}

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

async function measureSteady({ quick, say }: Terms, child: Child, source: MailSource): Promise<readonly Figure[]> {
  say("accept: steady");
  const mails = await source.take(PER_SECOND * (quick ? 3 : 10));
  const each = await child.ask<readonly number[]>("pace", { mails, perSecond: PER_SECOND });
  // Not the first second: nothing has left the journal yet.
  const then = each.slice(PER_SECOND);
  return [
    { what: `blob and fsync at ${PER_SECOND}/s, p99`, value: percentile(then, 0.99), unit: "ms" },
    { what: `blob and fsync at ${PER_SECOND}/s, p50`, value: median(then), unit: "ms" },
  ];
}

function roundOf(each: readonly number[], ms: number): Round {
  return { rate: (each.length * 1000) / ms, p50: median(each), p99: percentile(each, 0.99) };
}
