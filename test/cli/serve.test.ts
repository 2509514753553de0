import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, it } from "vitest";
import type { CliDeps, Started } from "../../src/cli/deps.ts";
import { PosternError } from "../../src/model/errors.ts";
import { ENVIRONMENT } from "../support/environment.ts";
import { cli, noService } from "./rig.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const EXTERNAL = { TEMPORAL_ADDRESS: "127.0.0.1:7233" };

/** A service that starts at once and stops when told; signals are sent by hand, by what `waiting` resolves to. */
function staged({ failed = new Promise<never>(() => {}), close }: Partial<Pick<Started, "failed" | "close">> = {}) {
  const told: string[] = [];
  const waiting = Promise.withResolvers<() => void>();
  let signal = (): void => {};
  const started: Started = {
    running: { smtp: { host: "127.0.0.1", port: 2525 }, http: "http://127.0.0.1:8025" },
    temporal: "127.0.0.1:7233",
    // Looked at when everything is announced and a signal is all there is to wait for.
    get failed() {
      waiting.resolve(signal);
      return failed;
    },
    close: close ?? (async () => void told.push("closed")),
  };
  const deps: Partial<CliDeps> = {
    onSignal: (listener) => {
      signal = listener;
      return () => void told.push("unlistened");
    },
    exitNow: (code) => void told.push(`exit ${code}`),
    service: { ...noService, start: async () => started },
  };
  return { told, deps, waiting: waiting.promise };
}

describe("serve", () => {
  it("says where everything is, stops cleanly at the first signal and ends with 0", async () => {
    const { told, deps, waiting } = staged();
    const running = cli(["serve", "--json"], { env: EXTERNAL, deps });
    const send = await waiting;
    send();
    expect(await running).toMatchObject({
      code: 0,
      json: { smtp: "127.0.0.1:2525", http: "http://127.0.0.1:8025", temporal: "127.0.0.1:7233" },
    });
    expect(told).toEqual(["closed", "unlistened"]);
  });

  it("ends at once at the second signal", async () => {
    const closing = Promise.withResolvers<void>();
    const { told, deps, waiting } = staged({ close: () => closing.promise });
    const running = cli(["serve"], { env: EXTERNAL, deps });
    const send = await waiting;
    send();
    expect(told).toEqual([]);
    send();
    expect(told).toEqual(["exit 130"]);
    closing.resolve();
    await running;
  });

  it("ends at once at a signal while it is still starting", async () => {
    const { told, deps } = staged();
    const starting = Promise.withResolvers<Started>();
    const listening = Promise.withResolvers<() => void>();
    const onSignal: CliDeps["onSignal"] = (listener) => {
      listening.resolve(listener);
      return () => {};
    };
    const running = cli(["serve"], {
      env: EXTERNAL,
      deps: { ...deps, onSignal, service: { ...noService, start: () => starting.promise } },
    });
    (await listening.promise)();
    expect(told).toEqual(["exit 130"]);
    starting.reject(new PosternError("unavailable", "interrupted"));
    await running;
  });

  it("a service that breaks by itself is stopped and told: 3", async () => {
    const failed = Promise.withResolvers<never>();
    const { told, deps, waiting } = staged({ failed: failed.promise });
    const running = cli(["serve"], { env: EXTERNAL, deps });
    await waiting;
    failed.reject(new PosternError("unavailable", "the workers stopped by themselves"));
    expect(await running).toMatchObject({ code: 3, err: "error: the workers stopped by themselves\n" });
    expect(told).toContain("closed");
  });

  it("refuses to start without a Temporal server, and names the ways out", async () => {
    const ran = await cli(["serve"], { deps: staged().deps });
    expect(ran.code).toBe(1);
    for (const way of ["TEMPORAL_ADDRESS", "--embedded", "npm start"]) expect(ran.err).toContain(way);
  });

  it("refuses --embedded beside a named server, and settings it does not know", async () => {
    expect((await cli(["serve", "--embedded"], { env: EXTERNAL, deps: staged().deps })).err).toContain("exclude each other");
    const ran = await cli(["serve"], { env: { ...EXTERNAL, POSTERN_SMPT: "x", POSTERN_HTTP: "y" }, deps: staged().deps });
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/^error: POSTERN_\w+: .*\nerror: POSTERN_\w+: .*\n$/);
  });
});

describe("serve, as a process", () => {
  it("takes mail, answers the other commands and stops within 10 s of SIGTERM", async () => {
    const data = await mkdtemp(join(tmpdir(), "postern-serve-"));
    const [smtp, http] = [await freePort(), await freePort()];
    const env = {
      ...ENVIRONMENT,
      POSTERN_DATA: data,
      POSTERN_SMTP: `127.0.0.1:${smtp}`,
      POSTERN_HTTP: `127.0.0.1:${http}`,
      TEMPORAL_ADDRESS: inject("temporalAddress"),
    };
    const child = spawn(process.execPath, [MAIN, "serve", "--json"], { env, stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    try {
      expect(JSON.parse(await firstDocument(child.stdout, ended))).toEqual({
        smtp: `127.0.0.1:${smtp}`,
        http: `http://127.0.0.1:${http}`,
        temporal: env.TEMPORAL_ADDRESS,
      });
      // The key is found in the data directory.
      expect((await cli(["mailbox", "create", "assistant@acme.example"], { env })).code).toBe(0);
      const letter = "From: stranger@elsewhere.example\r\nSubject: Hi\r\n\r\nHello.\r\n";
      const unknown = ["receive", "-", "--from", "stranger@elsewhere.example", "--to", "nobody@acme.example", "--json"];
      expect(await cli(unknown, { env, stdin: letter })).toMatchObject({ code: 20, json: { step: "rcpt" } });
    } finally {
      const asked = performance.now();
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
      expect(performance.now() - asked).toBeLessThan(10_000);
      await rm(data, { recursive: true });
    }
  }, 60_000);
});

async function firstDocument(stream: NodeJS.ReadableStream, ended: Promise<number | null>): Promise<string> {
  let text = "";
  const read = (async () => {
    for await (const chunk of stream) {
      text += String(chunk);
      if (text.endsWith("}\n")) return text;
    }
    return text;
  })();
  return Promise.race([read, ended.then((code) => expect.fail(`ended with ${code} before it was ready`))]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
