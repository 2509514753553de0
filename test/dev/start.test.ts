import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { ENVIRONMENT } from "../support/environment.ts";

const START = fileURLToPath(new URL("../../src/dev/start.ts", import.meta.url));
const AGENT = fileURLToPath(new URL("../../src/dev/agent.ts", import.meta.url));
const CLI = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const SEND = fileURLToPath(new URL("../../src/dev/demo/send.ts", import.meta.url));

let dir: string;
let running: Program[];

async function setUp(): Promise<void> {
  dir = await mkdtemp(join(tmpdir(), "postern-start-"));
  running = [];
}
async function tearDown(): Promise<void> {
  for (const program of running) program.kill();
  await rm(dir, { recursive: true, force: true, maxRetries: 3 });
}

/** A child process with what it printed. */
class Program {
  readonly #child: ChildProcess;
  readonly ended: Promise<number | null>;
  out = "";
  #wake: () => void = () => {};

  constructor(script: string, args: readonly string[], env: Readonly<Record<string, string | undefined>>, interpreter = process.execPath) {
    this.#child = spawn(interpreter, script === "" ? args : [script, ...args], {
      cwd: dir,
      env: { ...ENVIRONMENT, ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.out += chunk.toString();
        this.#wake();
      });
    }
    this.ended = once(this.#child, "exit").then(([code]) => code as number | null);
    void this.ended.then(() => this.#wake());
    running.push(this);
  }

  /** Resolves when the output has `text`; fails when the program ends without it. */
  async prints(text: string): Promise<void> {
    while (!this.out.includes(text)) {
      if (this.#child.exitCode !== null) throw new Error(`ended without printing \`${text}\`:\n${this.out}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  interrupt(): void {
    this.#child.kill("SIGINT");
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function settings(): Promise<Record<string, string>> {
  return {
    POSTERN_DATA: join(dir, "data"),
    POSTERN_SMTP: `127.0.0.1:${await freePort()}`,
    POSTERN_HTTP: `127.0.0.1:${await freePort()}`,
    // The test run's own server, when it has one, is already set up.
    ...(inject("temporalExecutable") === null ? { TEMPORAL_ADDRESS: inject("temporalAddress") } : {}),
  };
}

/** A cache that is empty. What is on PATH is found before what is in the cache: the Temporal server that is there already. */
function ownCache(): Readonly<Record<string, string | undefined>> {
  const server = inject("temporalExecutable");
  const path = [...(server === null ? [] : [dirname(server)]), process.env["PATH"]].join(delimiter);
  return { PATH: path, XDG_CACHE_HOME: join(dir, "cache"), NODE_COMPILE_CACHE: undefined };
}

describe("npm start with its demo", { timeout: 90_000 }, () => {
  let env: Readonly<Record<string, string>>;
  let first: Program;
  beforeAll(async () => {
    await setUp();
    env = await settings();
    first = new Program(START, [], env);
    await first.prints("ready; Ctrl-C stops everything");
  }, 90_000);
  afterAll(tearDown);

  const agentKey = async (): Promise<string> => (await readFile(join(dir, "data", "demo", "agent.key"), "utf8")).trim();
  const startAgent = async (): Promise<Program> =>
    new Program(AGENT, [], { POSTERN_URL: `http://${env["POSTERN_HTTP"]}`, POSTERN_KEY: await agentKey() });

  it.each([
    /the boss books a meeting +250 2\.0\.0 +delivered +sender_rule +admitted +read_calendar propose_meeting confirm_meeting/,
    /the conflict bot reports +250 2\.0\.0 +delivered +sender_rule +admitted +ingest_conflict_notice/,
    /a stranger writes +550 5\.7\.1 +rejected_at_policy +no_matching_sender_rule +sender_match/,
    /somebody spoofs the boss +550 5\.7\.1 +rejected_at_verification +dkim_required +verification/,
    /an injection in the boss's mail +550 5\.7\.1 +rejected_at_content_guard +prompt_injection_suspected +content_guards/,
    /the thread's token budget is spent +550 5\.7\.1 +budget_exhausted +token_budget_per_thread +token_budget/,
    /mail 21 of 20 in an hour +550 5\.7\.1 +rate_limited +rate_limit_per_hour +rate_limit/,
    /two programs answer each other +250 2\.0\.0 +discarded +loop +loop/,
  ])("MB-21 X-29 shows %s", (row) => {
    expect(first.out).toMatch(row);
  });

  it("MM-10 X-29 what it prints works as it is when it is pasted: settings, looking, a signed signal, what left", async () => {
    const printed = first.out.split("\n").map((line) => line.trim());
    const line = (part: string): string => printed.find((one) => one.includes(part)) ?? `echo no line has ${part} && false`;
    const paste = async (command: string): Promise<string> => {
      const local = command.replace(/npm run (-s )?postern --/g, `${process.execPath} ${CLI}`);
      const shell = new Program("", ["-c", `${line("export ")}\n${local}`], {}, "/bin/sh");
      expect({ code: await shell.ended, out: shell.out }).toMatchObject({ code: 0 });
      return shell.out;
    };
    expect(await paste(line("messages list"))).toMatch(/^msg_\w+ .* rate_limited +boss@acme\.example/m);
    expect(await paste(line("pending show"))).toMatch(/^pending send approval: mode gated send\n/);
    // Somebody else's server does not bring a `temporal` along.
    await paste(line(inject("temporalExecutable") === null ? "pending approve" : "--print-signal"));
    const id = /drf_\w+/.exec(first.out)![0];
    for (let out = ""; !/\nstatus +sent\n/.test(out);) {
      expect(out).not.toMatch(/\nstatus +(?!pending_send_approval|queued|sending)\w/);
      out = await paste(`npm run postern -- drafts show ${id}`);
    }
    expect(await paste(line("sink list").replace(/^.*: /, ""))).toContain("boss@acme.example");
  });

  it("MB-22 gates an agent, which hears of what may reach it and of nothing else", async () => {
    const agent = await startAgent();
    await agent.prints("boss@acme.example: Lunch with Grace on Thursday -> books a meeting");
    await agent.prints("Conflict: two events on Thursday 12:00 -> notes a conflict");
    const stranger = new Program(SEND, ["stranger", "Me again"], { ...env, POSTERN_URL: `http://${env["POSTERN_HTTP"]}` });
    expect(await stranger.ended).toBe(0);
    expect(stranger.out).toContain("550 5.7.1");
    const bot = new Program(SEND, ["bot", "A conflict on Friday"], env);
    expect(await bot.ended).toBe(0);
    await agent.prints("A conflict on Friday -> notes a conflict");
    expect(agent.out).not.toContain("elsewhere.example");
    agent.kill();
  });

  it("X-29 stops on Ctrl-C within 10 s and finds its data again", async () => {
    const asked = performance.now();
    first.interrupt();
    expect(await first.ended).toBe(0);
    expect(performance.now() - asked).toBeLessThan(10_000);

    const second = new Program(START, [], env);
    await second.prints("ready; Ctrl-C stops everything");
    expect(second.out).not.toContain("the boss books a meeting");
    await (await startAgent()).prints("A conflict on Friday -> notes a conflict");
    second.interrupt();
    expect(await second.ended).toBe(0);
  });
});

describe("npm start", () => {
  beforeEach(setUp);
  afterEach(tearDown);

  it("starts an empty gate with --no-demo, and keeps what it compiled in the user's cache", async () => {
    const env = await settings();
    const gate = new Program(START, ["--no-demo"], { ...env, ...ownCache() });
    await gate.prints("ready; Ctrl-C stops everything");
    expect(gate.out).not.toContain("MAIL ");
    const headers = { authorization: `Bearer ${(await readFile(join(dir, "data", "admin.key"), "utf8")).trim()}` };
    expect(await (await fetch(`http://${env["POSTERN_HTTP"]}/v1/mailboxes`, { headers })).json()).toMatchObject({ items: [] });
    gate.interrupt();
    expect(await gate.ended).toBe(0);
    const compiled = await readdir(join(dir, "cache", "postern", "compiled"), { recursive: true });
    expect(compiled.length).toBeGreaterThan(100);
  });

  it("says in one line what is wrong with a port in use, and what to do", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    try {
      const refused = async (name: string): Promise<void> => {
        const place = { POSTERN_DATA: join(dir, name), [name]: `127.0.0.1:${port}` };
        const start = new Program(START, ["--no-demo"], { ...(await settings()), ...place });
        expect(await start.ended).not.toBe(0);
        expect(start.out).toMatch(new RegExp(`error: .*127\\.0\\.0\\.1:${port}`));
        expect(start.out).toMatch(new RegExp(`fix: .*${name}`));
        expect(start.out).not.toContain("    at ");
        expect(existsSync(join(dir, name, "temporal")), "nothing was started in vain").toBe(false);
      };
      await Promise.all(["POSTERN_SMTP", "POSTERN_HTTP"].map(refused));
    } finally {
      taken.close();
    }
  });

  // Nobody makes directories there, root included. (Under /proc, recursive mkdir of Node never returns.)
  it("refuses a directory that cannot be made, with the way out", async () => {
    for (const flags of [[], ["--no-demo"]]) {
      const start = new Program(START, flags, { ...(await settings()), POSTERN_DATA: "/dev/null/postern" });
      expect(await start.ended).not.toBe(0);
      expect(start.out).toMatch(/^error: .*\/dev\/null\/postern.*\nfix: .*POSTERN_DATA.*\n$/);
    }
  });

  it("refuses a data directory that is a file", async () => {
    const start = new Program(START, [], { ...(await settings()), POSTERN_DATA: START });
    expect(await start.ended).not.toBe(0);
    expect(start.out).toMatch(/^error: POSTERN_DATA: .* is not a directory; .*\n$/);
    expect(start.out).not.toContain("    at ");
  });

  it("ends when its own data cannot be opened", async () => {
    const env = await settings();
    await mkdir(join(dir, "data", "postern.db"), { recursive: true });
    const start = new Program(START, ["--no-demo"], env);
    expect(await start.ended).not.toBe(0);
    expect(start.out).toMatch(/error: .*postern\.db/);
  });

  it("refuses a setting that does not exist, and a demo beside a zone of one's own", async () => {
    const typo = new Program(START, [], { ...(await settings()), POSTERN_SMPT: "127.0.0.1:2525" });
    expect(await typo.ended).not.toBe(0);
    expect(typo.out).toContain("POSTERN_SMPT");
    const zone = new Program(START, [], { ...(await settings()), POSTERN_DNS_ZONE: START });
    expect(await zone.ended).not.toBe(0);
    expect(zone.out).toContain("--no-demo");
  });
});
