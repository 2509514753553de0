import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { checkGo } from "../../src/dev/temporal/build.ts";
import { downloadTemporal } from "../../src/dev/temporal/download.ts";
import { findTemporal } from "../../src/dev/temporal/find.ts";
import { withLock } from "../../src/dev/temporal/lock.ts";
import { createProgress, silent } from "../../src/dev/temporal/progress.ts";
import { run } from "../../src/dev/temporal/run.ts";
import { checkTemporal } from "../../src/dev/temporal/version.ts";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-test-"));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** An executable that answers whatever it is asked with `text`. */
async function program(path: string, text: string): Promise<string> {
  await writeFile(path, `#!/bin/sh\necho '${text}'\n`);
  await chmod(path, 0o755);
  return path;
}

const GOOD = "temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)";
const OLD = "temporal version 1.1.0 (Server 1.25.0, UI 2.31.2)";

describe("finding a Temporal server", () => {
  it("takes `temporal` on PATH before anything else", async () => {
    const bin = await folder();
    const executable = await program(join(bin, "temporal"), GOOD);
    expect(await findTemporal({ PATH: bin, XDG_CACHE_HOME: await folder() }, silent)).toBe(executable);
  });

  it("passes over one on PATH that is too old, and takes the cached one", async () => {
    const [bin, cache] = [await folder(), await folder()];
    await program(join(bin, "temporal"), OLD);
    await mkdir(join(cache, "postern", "temporal-1.8.2"), { recursive: true });
    const cached = await program(join(cache, "postern", "temporal-1.8.2", "temporal"), GOOD);
    expect(await findTemporal({ PATH: bin, XDG_CACHE_HOME: cache }, silent)).toBe(cached);
  });

  it("says why an executable cannot be used", async () => {
    const bin = await folder();
    expect(await checkTemporal(await program(join(bin, "old"), OLD))).toEqual({
      kind: "unusable",
      why: "carries server 1.25.0, older than 1.28",
    });
    expect(await checkTemporal(await program(join(bin, "other"), "hello"))).toMatchObject({ kind: "unusable" });
    expect(await checkTemporal(join(bin, "missing"))).toMatchObject({ kind: "unusable" });
  });

  it("names every way out when there is no server, no download and no Go", async () => {
    const [bin, cache] = [await folder(), await folder()];
    const unreachable = async (): Promise<null> => null;
    await expect(findTemporal({ PATH: bin, XDG_CACHE_HOME: cache }, silent, unreachable)).rejects.toMatchObject({
      code: "unavailable",
      message: "no Temporal server: `temporal` is not on PATH, its download site cannot be reached, and Go is not installed",
      fix: expect.stringMatching(/install Go 1\.26\.4 .* PATH, or set TEMPORAL_ADDRESS/),
    });
    expect(await readdir(join(cache, "postern", "temporal-1.8.2"))).toEqual([]);
  });

  it("says so when the cache directory cannot be made", async () => {
    const file = join(await folder(), "file");
    await writeFile(file, "");
    await expect(findTemporal({ PATH: "", XDG_CACHE_HOME: join(file, "cache") }, silent)).rejects.toMatchObject({
      code: "invalid_config",
      fix: expect.stringContaining("XDG_CACHE_HOME"),
    });
  });

  it("knows which Go can build it", async () => {
    const bin = await folder();
    const env = { PATH: bin };
    expect(await checkGo(env)).toEqual({ kind: "unusable", why: "Go is not installed" });
    const go = (version: string, toolchain: string): Promise<void> =>
      writeFile(join(bin, "go"), `#!/bin/sh\n[ "$1" = env ] && echo ${toolchain} || echo go version go${version} linux/amd64\n`, {
        mode: 0o755,
      });
    await go("1.26.4", "local");
    expect(await checkGo(env)).toEqual({ kind: "ready" });
    await go("1.27", "local");
    expect(await checkGo(env)).toEqual({ kind: "ready" });
    await go("1.22.1", "auto");
    expect(await checkGo(env)).toEqual({ kind: "ready" });
    await go("1.22.1", "local");
    expect(await checkGo(env)).toEqual({
      kind: "unusable",
      why: "Go 1.22.1 is older than 1.26.4 and GOTOOLCHAIN=local keeps it from fetching a newer one",
    });
    await go("1.19", "auto");
    expect(await checkGo(env)).toEqual({ kind: "unusable", why: "Go 1.19.0 is older than 1.26.4" });
  });
});

describe("downloading a Temporal server", () => {
  const step = silent.begin("");

  async function site(archive: Buffer | null): Promise<string> {
    const server = createServer((request, response) => {
      const self = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      if (archive === null) response.writeHead(404).end();
      else if (request.url?.startsWith("/cli/v1.8.2?arch=") === true) {
        response.end(JSON.stringify({ archiveUrl: `${self}/archive`, fileToExtract: "temporal" }));
      } else response.end(archive);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it("unpacks the executable from the archive that the site names", async () => {
    const [made, target] = [await folder(), await folder()];
    await program(join(made, "temporal"), GOOD);
    await run("tar", ["-czf", join(made, "archive"), "-C", made, "temporal"]);
    const { readFile } = await import("node:fs/promises");
    const file = await downloadTemporal(target, step, await site(await readFile(join(made, "archive"))));
    expect(file).toBe(join(target, "temporal"));
    expect(await checkTemporal(file!)).toEqual({ kind: "usable", server: "1.31.2" });
  });

  it("gives up when the site has nothing, sends rubbish or does not exist", async () => {
    expect(await downloadTemporal(await folder(), step, await site(null))).toBeNull();
    expect(await downloadTemporal(await folder(), step, await site(Buffer.from("rubbish")))).toBeNull();
    expect(await downloadTemporal(await folder(), step, "http://127.0.0.1:1")).toBeNull();
  });
});

describe("the lock of the cache", () => {
  it("lets one work at a time, and tells the other that it waits", async () => {
    const lock = join(await folder(), "lock");
    let inside = 0;
    let waited = 0;
    const work = async (): Promise<void> => {
      expect((inside += 1)).toBe(1);
      await stat(lock);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 5 }, () => withLock(lock, work, () => void (waited += 1))));
    expect(waited).toBeGreaterThan(0);
    await expect(stat(lock)).rejects.toThrow("ENOENT");
  });

  it("is taken over when its holder died", async () => {
    const lock = join(await folder(), "lock");
    await writeFile(lock, "1\n");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(lock, longAgo, longAgo);
    expect(await withLock(lock, async () => "done")).toBe("done");
  });

  it("is given back when the work fails", async () => {
    const lock = join(await folder(), "lock");
    await expect(withLock(lock, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await withLock(lock, async () => "done")).toBe("done");
  });
});

describe("progress", () => {
  it("is one rewritten line on a terminal and whole lines elsewhere", () => {
    for (const [isTTY, expected] of [
      [true, "\r\x1b[2Kpostern: building, 0 s\r\x1b[2Kpostern: building, 0 s: almost\n"],
      [false, "postern: building, 0 s\npostern: building, 0 s: almost\n"],
    ] as const) {
      let text = "";
      const step = createProgress({ isTTY, write: (chunk) => void (text += chunk) }).begin("building");
      step.detail("almost");
      step.end();
      expect(text).toBe(expected);
    }
  });
});
