// Runs before every script of package.json, on whatever Node the machine has and before anything is installed: no dependencies,
// no syntax newer than Node 20. Says nothing when there is nothing to do; speaks on stderr, so that stdout belongs to the script.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(ROOT, "node_modules");
const NODE = join(MODULES, ".bin", process.platform === "win32" ? "node.cmd" : "node");

/** A failure that is explained by its text alone. */
class SetupError extends Error {}

try {
  requireNode();
  if (!isInstalled()) await install();
  requireOwnNode();
  if (process.argv.includes("--temporal") && !hasTemporal()) await provideTemporal();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(`postern: ${error.message}`);
  process.exitCode = 1;
}

function requireNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < OLDEST_NODE) {
    throw new SetupError(`Node ${process.versions.node} is too old; install Node ${OLDEST_NODE} or newer (https://nodejs.org)`);
  }
}

/** Whether node_modules holds what the lock file says: npm writes its own copy of the lock there when an installation is complete. */
function isInstalled() {
  const installed = readPackages(join(MODULES, ".package-lock.json"));
  const locked = readPackages(join(ROOT, "package-lock.json"));
  if (installed === null || locked === null) return false;
  for (const [path, { version }] of Object.entries(installed)) if (locked[path]?.version !== version) return false;
  return Object.entries(locked).every(([path, { optional, devOptional, peer }]) => {
    return path === "" || optional || devOptional || peer || path in installed;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return null;
  }
}

async function install() {
  const end = showProgress("installing packages (npm ci)");
  // Warnings about engines and install scripts say nothing about this project: Node 24 comes with the packages.
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--progress=false"];
  const { code, output } = await run("npm", ["ci", "--include=dev", ...quiet], systemEnvironment());
  end();
  if (code === 0) return;
  console.error(output.trimEnd().split("\n").slice(-20).join("\n"));
  throw new SetupError("`npm ci` failed, see above; check the network and the free disk space, then run the same command again");
}

/** Without node_modules/.bin on PATH: npm must not run on the Node that it is about to replace. */
function systemEnvironment() {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !folder.includes(`node_modules${sep}.bin`));
  return { ...process.env, PATH: path.join(delimiter) };
}

function requireOwnNode() {
  if (existsSync(NODE) && existsSync(join(MODULES, "node", "bin"))) return;
  throw new SetupError(
    "the packages were installed without their install scripts, so Node 24 is missing; run `npm ci --ignore-scripts=false`",
  );
}

/** Whether the environment names a Temporal server, as `isTemporalExternal` of src/temporal-env.ts says it. */
function hasTemporal() {
  return ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"].some((name) => process.env[name]);
}

async function provideTemporal() {
  const script = join(ROOT, "src", "dev", "temporal", "main.ts");
  const child = spawn(NODE, [script], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, NODE_USE_ENV_PROXY: "1" },
  });
  const code = await new Promise((resolve) => child.once("close", resolve).once("error", () => resolve(1)));
  if (code !== 0) process.exitCode = 1;
}

function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"], shell: process.platform === "win32" });
    let output = "";
    const take = (chunk) => (output = (output + chunk).slice(-65_536));
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.once("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.once("close", (code) => resolve({ code, output }));
  });
}

/** One line with the seconds gone by: rewritten on a terminal, repeated now and then elsewhere. */
function showProgress(what) {
  const terminal = process.stderr.isTTY === true;
  const started = Date.now();
  const show = (last) => {
    const line = `postern: ${what}, ${Math.round((Date.now() - started) / 1000)} s`;
    process.stderr.write(terminal ? `\r\u001b[2K${line}${last === true ? "\n" : ""}` : `${line}\n`);
  };
  show();
  const timer = setInterval(show, terminal ? 1_000 : 15_000);
  return () => {
    clearInterval(timer);
    show(true);
  };
}
