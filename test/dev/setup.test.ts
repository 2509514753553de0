import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";

const SETUP = fileURLToPath(new URL("../../src/dev/setup.mjs", import.meta.url));
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A repository with one dependency, and an npm that "installs" it as `npm` says. */
function repository(npm: string): { root: string; setUp: () => { status: number | null; stdout: string; stderr: string } } {
  const root = mkdtempSync(join(tmpdir(), "postern-setup-"));
  folders.push(root);
  mkdirSync(join(root, "src/dev"), { recursive: true });
  mkdirSync(join(root, "bin"));
  cpSync(SETUP, join(root, "src/dev/setup.mjs"));
  writeLock(root, "1.0.0");
  writeFileSync(join(root, "bin/npm"), `#!/bin/sh\necho "npm $*" >> calls\n${npm}\n`);
  chmodSync(join(root, "bin/npm"), 0o755);
  const env = { PATH: `${join(root, "bin")}:/usr/bin:/bin` };
  return { root, setUp: () => spawnSync(process.execPath, [join(root, "src/dev/setup.mjs")], { env, encoding: "utf8" }) };
}

function writeLock(root: string, version: string): void {
  const packages = { "": {}, "node_modules/thing": { version }, "node_modules/other-system": { version, optional: true } };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages }));
}

const INSTALLS = `rm -rf node_modules; mkdir -p node_modules/.bin node_modules/node/bin; touch node_modules/.bin/node
  sed 's/,"node_modules.other-system":{[^}]*}//' package-lock.json > node_modules/.package-lock.json`;

describe("set-up", () => {
  it("installs once, and again only when the lock file says something else", () => {
    const { root, setUp } = repository(INSTALLS);
    const calls = (): number => (existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").split("\n").length - 1 : 0);
    const first = setUp();
    expect(first).toMatchObject({ status: 0, stdout: "" });
    expect(first.stderr).toMatch(/^postern: installing packages \(npm ci\), 0 s\n/);
    expect(setUp()).toMatchObject({ status: 0, stdout: "", stderr: "" });
    expect(calls()).toBe(1);
    writeLock(root, "1.0.1");
    expect(setUp().status).toBe(0);
    expect(calls()).toBe(2);
  });

  it("installs again after an installation that was cut off", () => {
    const { root, setUp } = repository(INSTALLS);
    setUp();
    rmSync(join(root, "node_modules/.package-lock.json"));
    expect(setUp().stderr).toContain("installing packages");
  });

  it("shows the end of npm's output and the way out when the installation fails", () => {
    const { status, stderr } = repository("echo 'npm error network ENOTFOUND' >&2; exit 1").setUp();
    expect(status).toBe(1);
    expect(stderr).toContain("npm error network ENOTFOUND");
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(/^postern: `npm ci` failed, see above; check the network/);
  });

  it("says so when install scripts are switched off and Node 24 is missing", () => {
    const { status, stderr } = repository(`${INSTALLS}; rm -r node_modules/node`).setUp();
    expect(status).toBe(1);
    expect(stderr).toContain("run `npm ci --ignore-scripts=false`");
  });
});
