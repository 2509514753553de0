// `npm start`: Temporal, the gate and, unless told otherwise, the demo, in one terminal.
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { reportError } from "../cli/failure.ts";
import { serviceEnvironment } from "../cli/settings.ts";
import { isTemporalExternal, loadConfig, type Config } from "../config.ts";
import { PosternError } from "../model/errors.ts";
import type { Running } from "../serve.ts";
import { cacheFolder } from "./cache.ts";
import { demoSettings, prepareDemo, type DemoFiles } from "./demo/files.ts";
import { settingsLine } from "./demo/hints.ts";
import type { showDemo } from "./demo/show.ts";
import { checkPorts } from "./ports.ts";
import { startTemporal, type TemporalServer } from "./temporal.ts";
import { findTemporal } from "./temporal/find.ts";
import { createProgress } from "./temporal/progress.ts";

const HELP = `npm start [-- --no-demo]

Starts an embedded Temporal server (unless TEMPORAL_ADDRESS names one), the SMTP and HTTP doors and the workers.
Everything is kept in POSTERN_DATA, ./.postern by default; the log is postern.log in it. Ctrl-C stops it; a second one stops
at once.

  --no-demo   an empty gate: no demo mailbox, no demo mail
  --help      this text
`;

const progress = createProgress(process.stderr);

async function main(): Promise<void> {
  const flags = readFlags();
  if (flags.help) return void process.stdout.write(HELP);
  const env = serviceEnvironment(process.env);
  const demo = flags.demo ? await prepareDemo(loadConfig(env).dataDir, new Date()) : null;
  const config = loadConfig(demo === null ? env : demoSettings(env, demo));
  await checkPorts(config);
  const temporal = isTemporalExternal(process.env) ? null : await startEmbedded(config);
  try {
    const running = await startGate(config, temporal);
    try {
      const stopped = stopSignal();
      printAddresses(running, temporal, config);
      const failed = [running.ended, ...(temporal === null ? [] : [died(temporal)])];
      await Promise.race([
        stopped,
        ...failed,
        welcome(running, demo, { dataDir: config.dataDir, temporal: temporal?.executable ?? null }).then(() => stopped),
      ]);
    } finally {
      await running.close();
    }
  } finally {
    await temporal?.stop();
  }
}

function readFlags(): { readonly demo: boolean; readonly help: boolean } {
  const options = { demo: { type: "boolean", default: true }, help: { type: "boolean", short: "h", default: false } } as const;
  const { values } = parseArgs({ options, allowNegative: true });
  return { demo: values.demo, help: values.help };
}

type Where = Parameters<typeof showDemo>[2];

async function welcome(running: Running, demo: DemoFiles | null, where: Where): Promise<void> {
  if (demo !== null) await (await import("./demo/show.ts")).showDemo(demo, running, where, process.stdout);
  else for (const line of settingsLine({ ...running, ...where })) process.stdout.write(`\nIn another terminal:\n  ${line}\n`);
  process.stdout.write("\nready; Ctrl-C stops everything\n");
}

/** Resolves at the first SIGINT or SIGTERM after the call; the second ends the process at once, as one before the call does. */
function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const onSignal = (): void => {
    if (asked) process.exit(130);
    asked = true;
    process.stderr.write("\npostern: stopping\n");
    resolve();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return promise;
}

async function startEmbedded(config: Config): Promise<TemporalServer> {
  const { namespace = "default", port } = config.temporal.kind === "embedded" ? config.temporal : {};
  const executable = await findTemporal(process.env, progress);
  return startTemporal({ executable, dataDir: config.dataDir, namespace, ui: true, ...(port === undefined ? {} : { port }) });
}

async function startGate(config: Config, server: TemporalServer | null): Promise<Running> {
  if (config.role !== "all") {
    throw new PosternError("invalid_config", `\`npm start\` brings everything at once, and POSTERN_ROLE is \`${config.role}\``, {
      fix: "unset it, or run `npm run postern -- serve`",
    });
  }
  // Large, and a refusal needs none of it; compiled at the first start, and kept for the next.
  enableCompileCache(join(cacheFolder(process.env), "compiled"));
  const [{ externalTemporal }, { serveProcess }] = await Promise.all([import("../temporal-connection.ts"), import("../serve-process.ts")]);
  const temporal = server === null ? externalTemporal() : { connection: { address: server.address }, namespace: server.namespace };
  return serveProcess(config, temporal, join(config.dataDir, "postern.log"));
}

function printAddresses({ smtp, lmtp, http, adminKey }: Running, temporal: TemporalServer | null, { dataDir }: Config): void {
  const key = adminKey.from === "file" ? adminKey.path : "POSTERN_ADMIN_KEY";
  const lines = [
    `SMTP      ${smtp.host}:${smtp.port}`,
    ...(lmtp === undefined ? [] : [`LMTP      ${lmtp.port === 0 ? lmtp.host : `${lmtp.host}:${lmtp.port}`}`]),
    `HTTP      ${http} (API: ${http}/docs)`,
    `Temporal  ${temporal === null ? "TEMPORAL_ADDRESS" : temporal.address}${temporal?.ui ? ` (UI: ${temporal.ui})` : ""}`,
    `admin key ${key}`,
    `log       ${join(dataDir, "postern.log")}`,
  ];
  process.stdout.write(`\n${lines.join("\n")}\n`);
}

/** Rejects when the server ends before it is stopped. */
async function died({ exited, logFile }: TemporalServer): Promise<never> {
  await exited;
  throw new PosternError("unavailable", "the Temporal server ended by itself", { fix: `its log \`${logFile}\` says why` });
}

try {
  await main();
} catch (error) {
  process.exitCode = reportError(error, process.stderr, false);
}
