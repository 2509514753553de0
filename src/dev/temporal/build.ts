import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../../model/errors.ts";
import type { Step } from "./progress.ts";
import { run, tail } from "./run.ts";
import { CLI_VERSION } from "./version.ts";

/** The Go release that Temporal CLI 1.8.2 asks for. */
const GO_NEEDED = [1, 26, 4] as const;

/** From here on Go fetches a newer tool chain by itself, unless GOTOOLCHAIN forbids it. */
const GO_WITH_TOOLCHAINS = [1, 21, 0] as const;

const CLI = "github.com/temporalio/cli";

/**
 * A main module of our own: `go install ${CLI}/cmd/temporal@v…` is refused since 1.6.0, because a `replace` line counts in the main
 * module only. The replaced version is the one the release itself was built with.
 */
const GO_MOD = `module postern.invalid/temporal

go ${GO_NEEDED.join(".")}

require ${CLI} v${CLI_VERSION}

replace ${CLI}/cliext => ${CLI}/cliext v0.0.0-20260731000218-c579925f193f
`;

/** Never compiled: it only makes the command a dependency, so that `go mod tidy` keeps what it needs. */
const GO_FILE = `//go:build keep

package keep

import _ "${CLI}/cmd/temporal"
`;

/** Builds the `temporal` executable in `dir` and returns its path. About four minutes on two cores. Rejects with the end of Go's output. */
export async function buildTemporal(dir: string, env: NodeJS.ProcessEnv, step: Step): Promise<string> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, "go.mod"), GO_MOD);
  await writeFile(join(dir, "keep.go"), GO_FILE);
  // A workspace file above the cache would change what is built; without cgo no C compiler is needed.
  const go = { ...env, GOWORK: "off", CGO_ENABLED: "0" };
  step.detail("fetching its source");
  await runGo(["mod", "tidy"], dir, go, () => {});
  const executable = join(dir, "temporal");
  const flags = ["-v", "-trimpath", "-ldflags", `-s -w -X ${CLI}/internal/temporalcli.Version=${CLI_VERSION}`];
  let packages = 0;
  await runGo(["build", ...flags, "-o", executable, `${CLI}/cmd/temporal`], dir, go, (line) => {
    step.detail(`${(packages += 1)} packages compiled, now ${line}`);
  });
  return executable;
}

async function runGo(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv, onLine: (line: string) => void): Promise<void> {
  const { code, output } = await run("go", args, { cwd, env, onLine });
  if (code === 0) return;
  throw new PosternError("unavailable", `building the Temporal server failed: \`go ${args[0]}\` ended with an error`, {
    fix: "see the output above; or install the `temporal` CLI, or set TEMPORAL_ADDRESS to a server of your own",
    detail: tail(output),
  });
}

export type GoCheck = { readonly kind: "ready" } | { readonly kind: "unusable"; readonly why: string };

/** Whether `go` on the PATH of `env` can build it. */
export async function checkGo(env: NodeJS.ProcessEnv): Promise<GoCheck> {
  const { code, output, missing } = await run("go", ["version"], { env, timeoutMs: 30_000 });
  if (missing) return { kind: "unusable", why: "Go is not installed" };
  const version = /go(\d+)\.(\d+)(?:\.(\d+))?/.exec(output);
  if (code !== 0 || version === null) return { kind: "unusable", why: "`go version` does not answer" };
  const numbers = [Number(version[1]), Number(version[2]), Number(version[3] ?? 0)];
  if (isAtLeast(numbers, GO_NEEDED)) return { kind: "ready" };
  const found = `Go ${numbers.join(".")} is older than ${GO_NEEDED.join(".")}`;
  if (!isAtLeast(numbers, GO_WITH_TOOLCHAINS)) return { kind: "unusable", why: found };
  const toolchain = (await run("go", ["env", "GOTOOLCHAIN"], { env, timeoutMs: 30_000 })).output.trim();
  const fetches = toolchain === "auto" || toolchain.endsWith("+auto");
  return fetches
    ? { kind: "ready" }
    : { kind: "unusable", why: `${found} and GOTOOLCHAIN=${toolchain} keeps it from fetching a newer one` };
}

function isAtLeast(version: readonly number[], needed: readonly number[]): boolean {
  for (const [place, number] of needed.entries()) {
    const ours = version[place] ?? 0;
    if (ours !== number) return ours > number;
  }
  return true;
}
