import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(ROOT, "node_modules", ".bin");

/** The package as `npm pack` makes it, in a directory of its own. */
export async function pack(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-pack-"));
  // The same files in a quarter of the time; types are checked by `npm run check`.
  await run(join(BIN, "tsc"), ["-p", join(ROOT, "tsconfig.json"), "--noCheck", "--outDir", join(directory, "dist")]);
  for (const file of ["package.json", "README.md", "LICENSE"]) await cp(join(ROOT, file), join(directory, file));
  await run("npm", ["pack", "--silent", "--ignore-scripts"], { cwd: directory });
  const tarball = (await readdir(directory)).find((name) => name.endsWith(".tgz"));
  return join(directory, tarball ?? "");
}

/** An empty folder with the files of a user: the examples, and a program that tries them. */
export async function emptyProject(dependencies: object = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "postern-user-"));
  const manifest = { name: "user", private: true, type: "module", ...dependencies };
  await writeFile(join(directory, "package.json"), JSON.stringify(manifest));
  const examples = fileURLToPath(new URL("../examples", import.meta.url));
  for (const name of ["scheduling.ts", "scheduling-worker.ts", "user.ts"]) await cp(join(examples, name), join(directory, name));
  return directory;
}

/** The tarball unpacked where npm would put it; what it depends on is linked from here, which takes no registry. */
export async function link(project: string, tarball: string): Promise<void> {
  const modules = join(project, "node_modules");
  await mkdir(join(modules, "postern"), { recursive: true });
  await run("tar", ["-xzf", tarball, "-C", join(modules, "postern"), "--strip-components=1"]);
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (!name.startsWith(".")) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
}

/** From the registry, with the pins a registry that lacks some versions needs. */
export async function install(project: string, tarball: string): Promise<void> {
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], { cwd: project });
}

/** Pins that only a root package can give. */
export async function overrides(): Promise<object> {
  const { overrides: pins } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { overrides: object };
  return { overrides: pins };
}

/** Types of what is packed, as a user's compiler sees them. */
export async function typeCheck(project: string): Promise<void> {
  const options = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2024",
    "--skipLibCheck",
    "--allowImportingTsExtensions",
    "--types",
    "node",
  ];
  await run(join(BIN, "tsc"), [...options, "user.ts"], { cwd: project }).catch((error: { stdout?: string }) => {
    throw new Error(error.stdout ?? String(error));
  });
}

/** What the user's program printed. */
export async function tryIt(project: string, temporal: string): Promise<unknown> {
  const env = { PATH: process.env["PATH"], TEMPORAL_ADDRESS: temporal, TASK_QUEUE: `user-${project.slice(-6)}` };
  const { stdout } = await run(process.execPath, ["user.ts"], { cwd: project, env, timeout: 240_000 });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "null");
}

export const EXPECTED = { code: 250, calendar: ["lunch"], isTyped: true, outcome: "delivered", intercepted: true };
