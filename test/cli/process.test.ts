import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_KEY, startRig, type Rig } from "../http/rig.ts";
import { ENVIRONMENT } from "../support/environment.ts";

// The commands as a real process: what a shell and a script see.

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let rig: Rig;
let folder: string;
beforeAll(async () => {
  rig = await startRig();
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
});
afterAll(async () => {
  await rig.stop();
  await rm(folder, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function postern(argv: readonly string[], options: { readonly stdin?: string; readonly closeOutput?: boolean } = {}): Promise<Ended> {
  const env = { ...ENVIRONMENT, POSTERN_URL: rig.base, POSTERN_KEY: ADMIN_KEY, POSTERN_DATA: folder };
  const child = spawn(process.execPath, [MAIN, ...argv], { env });
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  if (options.closeOutput === true) child.stdout.destroy();
  child.stdin.end(options.stdin ?? "");
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

describe("as a process", () => {
  it("answers with JSON on standard output and the exit code of what happened", async () => {
    const made = await postern(["mailbox", "create", "process@acme.example", "--json"]);
    expect(made).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(made.out)).toMatchObject({ address: "process@acme.example" });
    const again = await postern(["mailbox", "create", "process@acme.example", "--json"]);
    expect(again).toMatchObject({ code: 6, out: "" });
    expect(JSON.parse(again.err)).toMatchObject({ error: { code: "conflict" } });
  });

  it("says the version of the package", async () => {
    const { code, out } = await postern(["--version"]);
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("a reader that has seen enough is no fault", async () => {
    const { code, err } = await postern(["--help"], { closeOutput: true });
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  it("a policy in TypeScript is checked without a service", async () => {
    const define = new URL("../../policies/define.ts", import.meta.url).href;
    const file = join(folder, "policy.ts");
    await writeFile(
      file,
      `import { definePolicy } from ${JSON.stringify(define)};\nconst senders: [] = [];\nexport default definePolicy({ defaultAction: "bounce", senders });\n`,
    );
    const { code, out } = await postern(["policy", "check", file]);
    expect(code).toBe(0);
    expect(out).toContain("is valid");
  });
});
