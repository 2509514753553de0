import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { readAll } from "./agent.ts";
import { ADDRESS, OPEN_POLICY, SIGNERS, writeLetters } from "./mail.ts";
import { attempt, handOver, type Mail } from "./mta.ts";
import { Random } from "./random.ts";
import { Site } from "./site.ts";

const executable = inject("temporalExecutable");
const PRLIMIT = "/usr/bin/prlimit";
const NO_PRLIMIT = existsSync(PRLIMIT) ? null : "there is no prlimit";

let site: Site;
let mailbox: string;
let key: string;

const random = new Random(1);
const letters = (count: number): Promise<readonly Mail[]> => writeLetters(random, count);
async function shortLetter(): Promise<Mail> {
  const found = (await letters(5)).find(({ bytes }) => bytes.length < 8_000);
  return found ?? shortLetter();
}

const port = async (): Promise<number> => (await site.service()).smtp.port;
const received = (): Promise<readonly string[]> => readAll(site.as(key), mailbox);

function idIn(reply: string): string {
  return /msg_[0-9a-z]+/.exec(reply)?.[0] ?? reply;
}

/** The lines that Temporal's own library left in the log. */
function temporalLines(): readonly string[] {
  return site.log.filter((line) => line.includes('"source":"temporal"'));
}

async function readiness(): Promise<{ status: number; checks: object }> {
  const response = await fetch(`${(await site.service()).http}/readyz`);
  const { checks } = (await response.json()) as { checks: object };
  return { status: response.status, checks };
}

/** A whole dialogue that needs the door and the store, and no judgement. */
async function askForNobody(): Promise<void> {
  const client = await SmtpClient.open(await port());
  await client.command("MAIL FROM:<boss@acme.example>", "250");
  await client.command("RCPT TO:<nobody@acme.example>", "550 5.1.1");
  client.end();
}

async function timed<T>(work: Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const from = performance.now();
  return { result: await work, ms: performance.now() - from };
}

const NOT_OURS = executable === null ? OTHERS_SERVER : null;

describe.skipIf(executable === null)(`outages${skippedFor(NOT_OURS)}`, { timeout: 60_000 }, () => {
  beforeAll(async () => {
    site = await Site.start({ executable: executable!, signers: SIGNERS, env: { POSTERN_LIMIT_ANSWER_SECONDS: "3" } });
    mailbox = await site.mailbox(ADDRESS.first, OPEN_POLICY);
    key = await site.agentKey(mailbox);
  });
  afterAll(() => site?.close());

  it("without Temporal a message is answered 451 4.3.1 soon, readyz says why, and the door goes on talking; with it the retry is accepted", async () => {
    const [first, mail] = (await letters(2)) as [Mail, Mail];
    // Whatever a new process has to load is loaded.
    await handOver(port, first, random);
    const before = await received();
    await site.killTemporal();
    try {
      const answered = timed(attempt(await port(), mail));
      const readyz = readiness();
      const talk = await timed(askForNobody());
      expect(talk.ms).toBeLessThan(2_000);
      expect(await readyz).toEqual({ status: 503, checks: { store: "ok", temporal: "unreachable" } });
      const { result, ms } = await answered;
      expect(result).toMatch(/^451 4\.3\.1 /);
      expect(ms, "the answer deadline, not what the connection takes to give up").toBeLessThan(7_000);
      expect(await received()).toEqual(before);
      await expect.poll(temporalLines, { timeout: 20_000 }).toContainEqual(expect.stringContaining('"grpc":"Unavailable"'));
      expect(temporalLines().filter((line) => line.includes("127.0.0.1"))).toEqual([]);
    } finally {
      await site.restartTemporal();
    }
    await expect.poll(readiness, { timeout: 20_000 }).toEqual({ status: 200, checks: { store: "ok", temporal: "ok" } });
    const told = await handOver(port, mail, random);
    expect(told.code).toBe(250);
    expect(await received()).toEqual([...before, idIn(told.reply)]);
  });

  it("a second service on the same data directory is refused with the way out, and the first goes on", async () => {
    await expect(site.secondService()).rejects.toThrow(/another postern is using the database/);
    const before = await received();
    const told = await handOver(port, (await letters(1))[0]!, random);
    expect(told).toMatchObject({ code: 250, repeats: [] });
    expect(await received()).toEqual([...before, idIn(told.reply)]);
  });

  // A bound on file sizes is what a full disk is to a process: writes fail, and nothing else does.
  describe.skipIf(NO_PRLIMIT !== null)(`on a full disk${skippedFor(NO_PRLIMIT)}`, () => {
    const limitFiles = async (bytes: string): Promise<void> => {
      execFileSync(PRLIMIT, ["--pid", String((await site.service()).pid), `--fsize=${bytes}:unlimited`]);
    };

    // One decision writes more pages than fit under the second bound, the raw bytes of a short letter fit.
    it.each([
      { what: "the raw bytes cannot be written", bytes: "0", reply: /^451 4\.3\.1 / },
      { what: "only the database cannot be written", bytes: "16384", reply: /^451 4\.7\.1 / },
    ])("a message is answered 451 while $what, and its retry is accepted once there is room", async ({ bytes, reply }) => {
      const before = await received();
      const mail = await shortLetter();
      await limitFiles(bytes);
      const first = await attempt(await port(), mail);
      await limitFiles("unlimited");
      expect(first).toMatch(reply);
      const told = await handOver(port, mail, random);
      expect(told.code).toBe(250);
      expect(await received()).toEqual([...before, idIn(told.reply)]);
    });
  });

  it("close under load ends within 10 s and loses nothing that was answered 250", async () => {
    const before = await received();
    const mails = await letters(30);
    const told: string[] = [];
    const enough = Promise.withResolvers<void>();
    const sending = sendAll(mails, 4, (reply) => {
      if (told.push(idIn(reply)) === 8) enough.resolve();
    });
    await enough.promise;
    const { ms, code } = await site.stopService();
    const promised = [...told];
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
    expect(promised.length, "there was load").toBeLessThan(mails.length);
    await site.restartService();
    expect((await received()).slice(before.length), "what was answered is there").toEqual(expect.arrayContaining(promised));
    await sending;
    expect((await received()).slice(before.length).sort()).toEqual([...told].sort());
    expect(new Set(told).size).toBe(mails.length);
  });

  it("close ends within 10 s also when a peer stops in the middle of a message and Temporal is away", async () => {
    const [mail] = (await letters(1)) as [Mail];
    const stuck = await SmtpClient.open(await port());
    await stuck.command("MAIL FROM:<boss@acme.example>", "250");
    await stuck.command(`RCPT TO:<${ADDRESS.first}>`, "250");
    await stuck.command("DATA", "354");
    await stuck.push("Subject: never to be ended\r\n");
    await site.killTemporal();
    const waiting = attempt(await port(), mail);
    const { ms, code } = await site.stopService();
    await waiting;
    await site.restartTemporal();
    await site.restartService();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(10_000);
    expect(await attempt(await port(), mail)).toMatch(/^250 /);
  });
});

/** Hands all over, `senders` at a time. */
async function sendAll(mails: readonly Mail[], senders: number, told: (reply: string) => void): Promise<void> {
  const queue = [...mails];
  const work = async (): Promise<void> => {
    for (let mail = queue.pop(); mail !== undefined; mail = queue.pop()) {
      const { code, reply } = await handOver(port, mail, random);
      expect(code).toBe(250);
      told(reply);
    }
  };
  await Promise.all(Array.from({ length: senders }, work));
}
