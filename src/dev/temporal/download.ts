import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Step } from "./progress.ts";
import { run } from "./run.ts";
import { CLI_VERSION } from "./version.ts";

/** Where the Temporal SDKs fetch the same archive from. */
const SITE = "https://temporal.download";

/** Unreachable must be found out fast: a build follows. */
const CONNECT_MS = 15_000;
const STALL_MS = 30_000;
const LARGEST = 512 * 1024 * 1024;

/**
 * Fetches the `temporal` executable into `dir` and returns its path, or null when the site cannot be reached, has nothing for this
 * machine or stops sending. What arrives is trusted as far as TLS trusts the site, as the SDK's own download does.
 */
export async function downloadTemporal(dir: string, step: Step, site = SITE): Promise<string | null> {
  try {
    const { archiveUrl, fileToExtract } = await askSite(site);
    const archive = join(dir, "temporal.tar.gz");
    await fetchArchive(archiveUrl, archive, step);
    const unpacked = await run("tar", ["-xzf", archive, "-C", dir, "--", fileToExtract], { timeoutMs: 120_000 });
    return unpacked.code === 0 ? join(dir, fileToExtract) : null;
  } catch {
    return null;
  }
}

interface ArchiveInfo {
  readonly archiveUrl: string;
  readonly fileToExtract: string;
}

async function askSite(site: string): Promise<ArchiveInfo> {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const url = `${site}/cli/v${CLI_VERSION}?arch=${arch}&platform=${process.platform}&format=tar.gz`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(CONNECT_MS) });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const info = (await answer.json()) as Partial<ArchiveInfo>;
  if (info.archiveUrl === undefined || info.fileToExtract !== "temporal") throw new Error("unexpected answer");
  return { archiveUrl: info.archiveUrl, fileToExtract: info.fileToExtract };
}

async function fetchArchive(url: string, file: string, step: Step): Promise<void> {
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), CONNECT_MS);
  const answer = await fetch(url, { signal: stalled.signal });
  if (!answer.ok || answer.body === null) throw new Error(`status ${answer.status}`);
  let received = 0;
  const watch = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(), STALL_MS);
      received += chunk.length;
      step.detail(`${Math.round(received / 1_000_000)} MB`);
      done(received > LARGEST ? new Error("archive too large") : null, chunk);
    },
  });
  try {
    await pipeline(Readable.fromWeb(answer.body), watch, createWriteStream(file), { signal: stalled.signal });
  } finally {
    clearTimeout(timer);
  }
}
