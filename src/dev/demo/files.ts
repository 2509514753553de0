import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../../model/errors.ts";
import { LETTERS } from "./letters.ts";
import { makeKeys, makeZone, writeMail, type DemoKeys } from "./mail.ts";

/** Where the demo keeps what it made: DKIM keys, zone file, signed messages, the agent's and the overseer's key. */
export interface DemoFiles {
  readonly folder: string;
  /** For `POSTERN_DNS_ZONE`. */
  readonly zone: string;
  readonly agentKey: string;
  /** May approve what the agent wrote. */
  readonly overseerKey: string;
  /** Written when the whole demo has run. */
  readonly done: string;
}

export function demoFiles(dataDir: string): DemoFiles {
  const folder = join(dataDir, "demo");
  const [agentKey, overseerKey] = [join(folder, "agent.key"), join(folder, "overseer.key")];
  return { folder, zone: join(folder, "zone.json"), agentKey, overseerKey, done: join(folder, "done") };
}

export function mailFile(files: DemoFiles, name: string): string {
  return join(files.folder, "mail", `${name}.eml`);
}

/**
 * Makes keys, zone and signed mail once. A demo that was cut off sends the same bytes again and is told the same
 * answers, so what is there already stays as it is.
 */
export async function prepareDemo(dataDir: string, now: Date): Promise<DemoFiles> {
  const files = demoFiles(dataDir);
  if (await exists(join(files.folder, "mail", "complete"))) return files;
  await makeFolder(join(files.folder, "mail"), dataDir);
  const keys = makeKeys();
  await write(files.zone, JSON.stringify(makeZone(keys), null, 2));
  for (const letter of LETTERS) await write(mailFile(files, letter.name), await writeMail(letter, keys, now));
  await saveKeys(files, keys);
  await write(join(files.folder, "mail", "complete"), "");
  return files;
}

async function makeFolder(path: string, dataDir: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PosternError("invalid_config", `the data directory \`${dataDir}\` cannot be written`, {
      fix: "make it writable for this user, or set POSTERN_DATA to another directory",
      cause,
    });
  }
}

export async function loadKeys(files: DemoFiles): Promise<DemoKeys> {
  return JSON.parse(await readFile(join(files.folder, "dkim.json"), "utf8")) as DemoKeys;
}

async function saveKeys(files: DemoFiles, keys: DemoKeys): Promise<void> {
  await write(join(files.folder, "dkim.json"), JSON.stringify(keys));
}

export async function exists(path: string): Promise<boolean> {
  return (await readFile(path).catch(() => null)) !== null;
}

/** Whole or not at all; private, because keys are among them. */
export async function write(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

/** The environment with the demo's zone, and this machine trusted to state client addresses. */
export function demoSettings(env: NodeJS.ProcessEnv, { zone }: DemoFiles): NodeJS.ProcessEnv {
  for (const name of ["POSTERN_DNS_ZONE", "POSTERN_TRUSTED_RELAYS"]) {
    if (env[name] !== undefined)
      throw new PosternError("invalid_config", `the demo needs a ${name} of its own`, { fix: `unset it, or use --no-demo` });
  }
  return { ...env, POSTERN_DNS_ZONE: zone, POSTERN_TRUSTED_RELAYS: "127.0.0.1,::1" };
}
