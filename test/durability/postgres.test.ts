import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { OutboundWorld } from "../outbound/world.ts";
import { ENVIRONMENT } from "../support/environment.ts";
import { createDatabase } from "../support/postgres/database.ts";
import { openRows } from "../support/postgres/rows.ts";
import { freePort, startPostgres, type PostgresServer } from "../support/postgres/server.ts";
import { readAll } from "./agent.ts";
import { expectDurable } from "./expectations.ts";
import { ADDRESS, OPEN_POLICY, planMail, SIGNERS, writeLetters } from "./mail.ts";
import { attempt, handOver } from "./mta.ts";
import { chooseSeed, Random } from "./random.ts";
import { runScenario } from "./scenario.ts";
import { Site } from "./site.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";

const START = fileURLToPath(new URL("../../src/dev/start.ts", import.meta.url));

const executable = inject("temporalExecutable");

/** Of this file alone: it is stopped and started again. */
let server: PostgresServer;
let missing = "";
beforeAll(async () => {
  try {
    server = await startPostgres();
  } catch (error) {
    missing = (error as Error).message;
  }
});
beforeEach(({ skip }) => {
  if (missing !== "") skip(`no PostgreSQL: ${missing}`);
});
afterAll(() => server?.stop());

/** An empty one; the first start makes its tables. */
const newDatabase = async (): Promise<string> => (await createDatabase(server.url, null)).url;

describe("a whole instance on PostgreSQL", () => {
  it("MB-02 MM-04 mail arrives and is read, a draft waits, is approved and leaves; nothing is kept in a file of its own", async () => {
    const POSTERN_DATABASE_URL = await newDatabase();
    const world = await OutboundWorld.open({ signers: SIGNERS, env: { POSTERN_DATABASE_URL } });
    try {
      const { postern } = world;
      const first = await postern.mailbox(ADDRESS.first, OPEN_POLICY);
      const [mail] = await writeLetters(new Random(7), 1);
      const { port } = postern.running.smtp;
      expect((await handOver(async () => port, mail!, new Random(7))).code).toBe(250);
      expect(await readAll(postern.http, first)).toHaveLength(1);
      const mailbox = await world.mailbox("gated_send");
      const approver = await world.person(["oversight"]);
      const draft = await world.send(mailbox);
      expect(draft.status).toBe("pending_send_approval");
      const verdict = { action: "approve", content_hash: draft.content_hash };
      await approver.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, verdict);
      expect(await world.until(mailbox, draft, "sent")).toMatchObject({ deliveries: [{ state: "accepted", code: 250 }] });
      expect(await readdir(postern.dataDir)).not.toContain("postern.db");
      expect(openRows(POSTERN_DATABASE_URL).prepare("select count(*) as n from audit_entries where decision is not null").get()).toEqual({
        n: 4,
      });
      const { password } = new URL(POSTERN_DATABASE_URL);
      expect(postern.logs.join("\n")).not.toContain(password);
    } finally {
      await world.close();
    }
  });
});

describe.skipIf(executable === null)(`npm start${skippedFor(executable === null ? OTHERS_SERVER : null)}`, { timeout: 60_000 }, () => {
  it("with POSTERN_DATABASE_URL it is ready, and neither terminal nor log hold the password", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "postern-start-"));
    const POSTERN_DATABASE_URL = await newDatabase();
    const listen = { POSTERN_SMTP: `127.0.0.1:${await freePort()}`, POSTERN_HTTP: `127.0.0.1:${await freePort()}` };
    const env = { ...ENVIRONMENT, ...listen, POSTERN_DATA: dataDir, POSTERN_DATABASE_URL };
    const child = spawn(process.execPath, [START, "--no-demo"], { cwd: dataDir, env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = once(child, "exit");
    try {
      let shown = "";
      const ready = Promise.withResolvers<void>();
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          shown += chunk.toString();
          if (shown.includes("ready; Ctrl-C")) ready.resolve();
        });
      }
      await Promise.race([ready.promise, ended.then(() => Promise.reject(new Error(shown)))]);
      expect((await fetch(`http://${listen.POSTERN_HTTP}/readyz`)).status).toBe(200);
      child.kill("SIGINT");
      expect(await ended).toEqual([0, null]);
      const log = await readFile(join(dataDir, "postern.log"), "utf8");
      const { password } = new URL(POSTERN_DATABASE_URL);
      expect(shown + log).not.toContain(password);
      expect(await readdir(dataDir)).not.toContain("postern.db");
    } finally {
      child.kill("SIGKILL");
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});

describe.skipIf(executable === null)(`PostgreSQL in troubles${skippedFor(executable === null ? OTHERS_SERVER : null)}`, () => {
  it(
    "MB-10 PB-09 killed under load: what was answered 250 is there exactly once, what was answered 550 is not",
    { timeout: 240_000 },
    async () => {
      const seed = chooseSeed();
      console.log(`DURABILITY_SEED=${seed}`);
      const mail = await planMail(new Random(seed), 20);
      const kills = { service: 2, temporal: 0, both: 0 };
      const report = await runScenario({ executable: executable!, seed, mail, senders: 6, kills, database: await newDatabase() });
      expectDurable(report);
      expect(report.killed).toEqual(kills);
    },
  );

  it(
    "DESIGN §8 stopped and started again under load: meanwhile 451 and 503, then everything is accepted, once",
    { timeout: 120_000 },
    async () => {
      const env = { POSTERN_DATABASE_URL: await newDatabase(), POSTERN_LIMIT_ANSWER_SECONDS: "3" };
      const site = await Site.start({ executable: executable!, signers: SIGNERS, env });
      try {
        const mailbox = await site.mailbox(ADDRESS.first, OPEN_POLICY);
        const key = await site.agentKey(mailbox);
        const random = new Random(3);
        const mails = [...(await writeLetters(random, 21))];
        const last = mails.pop()!;
        const port = async (): Promise<number> => (await site.service()).smtp.port;
        const { http } = await site.service();
        const some = Promise.withResolvers<void>();
        let answered = 0;
        const sending = mails.map(async (mail) => {
          const told = await handOver(port, mail, random);
          if ((answered += 1) === 3) some.resolve();
          return told;
        });
        await some.promise;
        await server.halt();
        try {
          expect(await attempt(await port(), last)).toMatch(/^4\d\d /);
          expect((await fetch(`${http}/readyz`)).status).toBe(503);
          expect((await fetch(`${http}/v1/mailboxes`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(503);
        } finally {
          await server.resume();
        }
        const told = [...(await Promise.all(sending)), await handOver(port, last, random)];
        expect(told.map(({ code }) => code)).toEqual(told.map(() => 250));
        const ids = told.map(({ reply }) => /msg_[0-9a-z]+/.exec(reply)?.[0] ?? reply);
        expect([...(await readAll(site.as(key), mailbox))].sort()).toEqual([...ids].sort());
        expect((await fetch(`${http}/readyz`)).status).toBe(200);
        const { password } = new URL(env.POSTERN_DATABASE_URL);
        expect(site.log.join("\n")).not.toContain(password);
      } finally {
        await site.close();
      }
    },
  );
});
