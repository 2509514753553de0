import type { OptionValues } from "commander";
import type { Config } from "../config.ts";
import { PosternError } from "../model/errors.ts";
import { addCommand, type Cli } from "./command.ts";
import type { CliDeps, Started } from "./deps.ts";
import { requireNode } from "./doctor/basics.ts";
import { EXIT, type Exit } from "./exit.ts";
import type { Session } from "./session.ts";
import { serviceEnvironment } from "./settings.ts";
import { formatFields } from "./table.ts";

interface ServeOptions extends OptionValues {
  readonly embedded?: true;
}

/** Milliseconds a clean stop may take. */
const STOP_MS = 10_000;
/** 128 + SIGINT, as shells have it. */
const INTERRUPTED = 130;

export function addServe(cli: Cli): void {
  addCommand<[], ServeOptions>(cli, cli.program, {
    usage: "serve",
    summary: "run the service: SMTP, HTTP and workers, or one part of it",
    about:
      "Settings come from POSTERN_* variables, the Temporal server from TEMPORAL_ADDRESS and its like. Ctrl-C stops within 10 seconds, a second one at once. " +
      "`npm start` does the same with an embedded server and a demo. POSTERN_ROLE makes it a gateway or a worker of several processes.",
    options: (command) => command.option("--embedded", "start a Temporal server too, with its database in POSTERN_DATA"),
    examples: ["serve", "serve --embedded"],
    run: serve,
  });
}

async function serve(session: Session, _: [], options: ServeOptions): Promise<Exit> {
  const embedded = options.embedded === true;
  const { deps } = session;
  requireNode(process.versions.node);
  const config = await deps.service.loadConfig(serviceEnvironment(deps.env));
  requireTemporal(config, embedded);
  const stop = stopSignal(deps);
  const started = await deps.service.start(config, { embedded });
  stop.begin();
  announce(session, started);
  try {
    await Promise.race([stop.asked, started.failed]);
  } finally {
    await stopWithin(deps, started);
    stop.end();
  }
  return EXIT.ok;
}

function requireTemporal({ temporal }: Config, embedded: boolean): void {
  if (embedded && temporal.kind === "external") {
    throw new PosternError("invalid_config", "`--embedded` and a Temporal server in the environment exclude each other", {
      fix: "leave `--embedded` out, or unset TEMPORAL_ADDRESS, TEMPORAL_PROFILE and TEMPORAL_CONFIG_FILE",
    });
  }
  if (!embedded && temporal.kind === "embedded") {
    throw new PosternError("invalid_config", "no Temporal server is named", {
      fix: "set TEMPORAL_ADDRESS to yours, or add `--embedded` for one of its own; `npm start` brings one too",
    });
  }
}

interface StopSignal {
  /** Resolves at the first signal after `begin`. */
  readonly asked: Promise<void>;
  begin(): void;
  end(): void;
}

/** Before `begin` and after the first, a signal ends the process at once: nothing was accepted yet, or the wait is too long. */
function stopSignal({ onSignal, exitNow }: CliDeps): StopSignal {
  const { promise, resolve } = Promise.withResolvers<void>();
  let orderly = false;
  const end = onSignal(() => {
    if (!orderly) return exitNow(INTERRUPTED);
    orderly = false;
    resolve();
  });
  return { asked: promise, begin: () => void (orderly = true), end };
}

async function stopWithin({ exitNow }: CliDeps, started: Started): Promise<void> {
  const timer = setTimeout(() => exitNow(EXIT.failure), STOP_MS);
  try {
    await started.close();
  } finally {
    clearTimeout(timer);
  }
}

function announce({ print, cells }: Session, { running, temporal }: Started): void {
  const smtp = running.smtp === undefined ? null : `${running.smtp.host}:${running.smtp.port}`;
  const door: [string, string][] = smtp === null ? [] : [["SMTP", smtp]];
  const place = smtp === null ? "probes" : "HTTP";
  print(
    { smtp, http: running.http, temporal },
    () => formatFields([...door, [place, running.http], ["Temporal", temporal], ["ready", "stop with Ctrl-C"]], cells), // prettier-ignore
  );
}
