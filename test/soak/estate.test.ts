import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { findGateway, NO_GATEWAY } from "../support/s3-gateway.ts";
import { readAll } from "../durability/agent.ts";
import { makeAgentKey, makeMailbox } from "../durability/doors.ts";
import { Estate } from "../durability/estate.ts";
import { ADDRESS, OPEN_POLICY, SIGNERS, writeLetters } from "../durability/mail.ts";
import { handOver, type Mail, type Told } from "../durability/mta.ts";
import { chooseSeed, Random } from "../durability/random.ts";
import { findSqlTemporal, NO_SQL_TEMPORAL } from "../support/sql-temporal.ts";

const embedded = inject("temporalExecutable");
const bucket = findGateway();
const MESSAGES = Number(process.env["SOAK_MESSAGES"] || 200);
const SERVERS = [
  { state: "a file", executable: embedded, lack: embedded === null ? "TEMPORAL_ADDRESS names a server" : NO_GATEWAY },
  { state: "PostgreSQL", executable: findSqlTemporal(), lack: findSqlTemporal() === null ? NO_SQL_TEMPORAL : NO_GATEWAY },
];

describe.each(SERVERS)("two gateways and two workers, Temporal's state in $state", { timeout: 600_000 }, ({ executable, lack }) => {
  let estate: Estate;
  let mailbox: string;
  let key: string;

  beforeAll(async () => {
    if (executable === null || bucket === null) return;
    const env = { POSTERN_LIMIT_ANSWER_SECONDS: "4", POSTERN_LIMIT_CONNECTIONS_PER_PEER: "100" };
    const places = { executable, bucket, bundle: inject("bundleFile")! };
    estate = await Estate.start({ ...places, signers: SIGNERS, gateways: 2, workers: 2, env });
    mailbox = await makeMailbox(estate.admin, ADDRESS.first, OPEN_POLICY);
    key = await makeAgentKey(estate.admin, mailbox);
  }, 180_000);
  afterAll(() => estate?.close());
  beforeEach(({ skip }) => skip(executable === null || bucket === null, lack));

  async function sendAll(mails: readonly Mail[], random: Random): Promise<readonly Told[]> {
    const waiting = [...mails];
    const told: Told[] = [];
    const sender = async (): Promise<void> => {
      for (let mail = waiting.pop(); mail !== undefined; mail = waiting.pop()) {
        told.push(await handOver(async () => (await estate.gateway(random)).smtp.port, mail, random));
      }
    };
    await Promise.all(Array.from({ length: 6 }, sender));
    return told;
  }

  it("X-30 killed at random, one of each kind at a time, nothing that was answered 250 is lost or there twice", async () => {
    const seed = chooseSeed();
    console.log(`DURABILITY_SEED=${seed}`);
    const random = new Random(seed);
    const before = await readAll(estate.as(key), mailbox);
    const mails = await writeLetters(random, MESSAGES);
    const sending = sendAll(mails, random);
    let kills = 0;
    for (const all = sending.then(() => true); !(await Promise.race([all, delay(500 + 1_500 * random.next(), false)])); kills += 1) {
      const crashTemporal = estate.temporal.crash;
      if (crashTemporal !== undefined && kills % 4 === 1) await crashTemporal();
      else await estate.crash(random.next() < 0.5 ? "workers" : "gateways", random.next() < 0.5 ? 0 : 1);
    }
    const told = await sending;
    console.log(`${mails.length} messages, ${kills} kills`);
    expect(kills).toBeGreaterThan(2);
    expect(told.map(({ code }) => code)).toEqual(mails.map(() => 250));
    const seen = (await readAll(estate.as(key, 1), mailbox)).filter((id) => !before.includes(id));
    expect(seen).toHaveLength(mails.length);
    expect(new Set(seen).size).toBe(mails.length);
  });

  it("X-30 a rolling restart of everything under load loses nothing, and every process ends by itself", async () => {
    const random = new Random(11);
    const before = await readAll(estate.as(key), mailbox);
    const mails = await writeLetters(random, 30);
    const sending = sendAll(mails, random);
    const codes: (number | null)[] = [];
    for (const kind of ["workers", "gateways"] as const) for (const index of [0, 1]) codes.push(await estate.replace(kind, index));
    const told = await sending;
    expect(codes).toEqual([0, 0, 0, 0]);
    expect(told.map(({ code }) => code)).toEqual(mails.map(() => 250));
    const seen = (await readAll(estate.as(key), mailbox)).filter((id) => !before.includes(id));
    expect(new Set(seen).size).toBe(mails.length);
    expect(seen).toHaveLength(mails.length);
  });
});
