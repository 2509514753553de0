import { access, chmod, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { PosternError } from "../../model/errors.ts";
import { cacheFolder } from "../cache.ts";
import { buildTemporal, checkGo } from "./build.ts";
import { downloadTemporal } from "./download.ts";
import { withLock } from "./lock.ts";
import type { Progress, Step } from "./progress.ts";
import { checkTemporal, CLI_VERSION } from "./version.ts";

const WAYS_OUT =
  "install Go 1.26.4 or newer (https://go.dev/dl), or put the `temporal` CLI 1.5 or newer on PATH, or set TEMPORAL_ADDRESS to a server of your own";

/**
 * The path of a `temporal` executable: on PATH, else in the cache, else downloaded, else built with Go (about four minutes, once per
 * machine). What is fetched or built stays in the cache folder, outside any repository.
 *
 * Not for callers with TEMPORAL_ADDRESS set: they have a server. Rejects with an `unavailable` `PosternError` that names the ways out.
 */
export async function findTemporal(env: NodeJS.ProcessEnv, progress: Progress, download: Download = downloadTemporal): Promise<string> {
  const installed = await findOnPath(env);
  if (installed !== null) return installed;
  const home = join(cacheFolder(env), `temporal-${CLI_VERSION}`);
  const executable = join(home, process.platform === "win32" ? "temporal.exe" : "temporal");
  if (await isCached(executable)) return executable;
  await makeFolder(home);
  let waiting: Step | undefined;
  const onWait = (): void => void (waiting = progress.begin("waiting for another process that fetches the Temporal server"));
  await withLock(
    join(home, "lock"),
    async () => {
      waiting?.end();
      if (!(await isCached(executable))) await obtain({ home, executable, env, progress, download });
    },
    onWait,
  );
  return executable;
}

async function findOnPath(env: NodeJS.ProcessEnv): Promise<string | null> {
  for (const folder of (env["PATH"] ?? "").split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const executable = join(folder, process.platform === "win32" ? "temporal.exe" : "temporal");
    if (await isCached(executable)) return executable;
  }
  return null;
}

async function isCached(executable: string): Promise<boolean> {
  try {
    await access(executable, constants.X_OK);
  } catch {
    return false;
  }
  return (await checkTemporal(executable)).kind === "usable";
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new PosternError("invalid_config", `the cache directory \`${path}\` cannot be made`, {
      fix: "make its parent writable, or set XDG_CACHE_HOME to a directory you may write to",
      cause,
    });
  }
}

type Download = (dir: string, step: Step) => Promise<string | null>;

interface Obtaining {
  readonly home: string;
  readonly executable: string;
  readonly env: NodeJS.ProcessEnv;
  readonly progress: Progress;
  readonly download: Download;
}

/** In a folder beside the target, so that the last step is an atomic rename: nobody ever sees half an executable. */
async function obtain({ home, executable, env, progress, download }: Obtaining): Promise<void> {
  const work = await mkdtemp(join(home, ".work-"));
  try {
    const made = (await tryDownload(work, progress, download)) ?? (await tryBuild(work, env, progress));
    await chmod(made, 0o755);
    await rename(made, executable);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function tryDownload(work: string, progress: Progress, download: Download): Promise<string | null> {
  const step = progress.begin("fetching the Temporal server");
  try {
    const file = await download(work, step);
    const usable = file !== null && (await checkTemporal(file)).kind === "usable";
    step.detail(usable ? "done" : "its download site cannot be reached");
    return usable ? file : null;
  } finally {
    step.end();
  }
}

async function tryBuild(work: string, env: NodeJS.ProcessEnv, progress: Progress): Promise<string> {
  const go = await checkGo(env);
  if (go.kind === "unusable") {
    const message = `no Temporal server: \`temporal\` is not on PATH, its download site cannot be reached, and ${go.why}`;
    throw new PosternError("unavailable", message, { fix: WAYS_OUT });
  }
  const step = progress.begin("building the Temporal server with Go (once, about 4 minutes)");
  try {
    return await buildTemporal(work, env, step);
  } finally {
    step.end();
  }
}
