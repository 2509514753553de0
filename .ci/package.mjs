// What a user of the package gets: built, packed and looked at from outside. Leaves nothing behind.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BIN = join(ROOT, "node_modules", ".bin");
const work = mkdtempSync(join(tmpdir(), "postern-package-"));

process.exitCode = check();
rmSync(work, { recursive: true, force: true });

function check() {
  for (const file of ["package.json", "README.md", "LICENSE"]) {
    if (!existsSync(join(ROOT, file))) return fail(`\`${file}\` is missing`);
    cpSync(join(ROOT, file), join(work, file));
  }
  if (!run(join(BIN, "tsc"), ["-p", join(ROOT, "tsconfig.json"), "--outDir", join(work, "dist")])) return 1;
  if (!run("npm", ["pack", "--silent", "--ignore-scripts"], { cwd: work })) return 1;
  const tarball = join(work, readdirSync(work).find((name) => name.endsWith(".tgz")) ?? "");
  const isSound = run(join(BIN, "publint"), ["run", tarball, "--strict"]);
  return run(join(BIN, "attw"), [tarball, "--profile", "esm-only", "--no-emoji", "--format", "ascii"]) && isSound ? 0 : 1;
}

/** Quiet unless it fails. */
function run(command, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
  if (status !== 0) console.error(`${stdout ?? ""}${stderr ?? ""}${error?.message ?? ""}`.trim());
  return status === 0;
}

function fail(why) {
  console.error(`package: ${why}`);
  return 1;
}
