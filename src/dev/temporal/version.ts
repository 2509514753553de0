import { run } from "./run.ts";

/** Release of the Temporal CLI, which carries the server, that is downloaded or built when there is none. */
export const CLI_VERSION = "1.8.2";

/** Oldest server that works: eager start and update-with-start are complete from here on. */
const OLDEST_SERVER = [1, 28] as const;

const ANSWER_MS = 15_000;

export type Usable = { readonly kind: "usable"; readonly server: string } | { readonly kind: "unusable"; readonly why: string };

/** Asks an executable for its version, e.g. `temporal version 1.8.2 (Server 1.31.2, UI 2.50.1)`. */
export async function checkTemporal(executable: string): Promise<Usable> {
  const { code, output } = await run(executable, ["--version"], { timeoutMs: ANSWER_MS });
  const [, major, minor, patch] = /Server (\d+)\.(\d+)\.(\d+)/.exec(output) ?? [];
  if (code !== 0 || major === undefined || minor === undefined)
    return { kind: "unusable", why: "does not answer `--version` with a server version" };
  const server = `${major}.${minor}.${patch}`;
  if (isOlder(Number(major), Number(minor)))
    return { kind: "unusable", why: `carries server ${server}, older than ${OLDEST_SERVER.join(".")}` };
  return { kind: "usable", server };
}

function isOlder(major: number, minor: number): boolean {
  return major < OLDEST_SERVER[0] || (major === OLDEST_SERVER[0] && minor < OLDEST_SERVER[1]);
}
