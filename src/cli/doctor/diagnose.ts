import type { Config } from "../../config.ts";
import { PosternError } from "../../model/errors.ts";
import { EXIT, type Exit } from "../exit.ts";
import type { Session } from "../session.ts";
import { serviceEnvironment } from "../settings.ts";
import { pad, printable, wrap } from "../text.ts";
import { clockCheck, configCheck, nodeCheck } from "./basics.ts";
import { channelsCheck } from "./channels.ts";
import { failed, type Check, type Found } from "./check.ts";
import { dnsCheck, domainsCheck } from "./dns.ts";
import { httpCheck, smtpCheck } from "./ports.ts";
import { dataCheck, databaseCheck } from "./storage.ts";
import { temporalCheck } from "./temporal.ts";

/** A check that takes longer has found something. */
const CHECK_MS = 15_000;

type Named = Found & { readonly name: string };

/** All checks at once, one line each. */
export async function diagnose(session: Session): Promise<Exit> {
  const found = await Promise.all((await checksFor(session)).map(runCheck));
  const ok = found.every(({ status }) => status !== "failed");
  session.print({ ok, checks: found }, () => found.map((each) => formatFound(session, each)).join("\n"));
  return ok ? EXIT.ok : EXIT.failure;
}

async function checksFor(session: Session): Promise<readonly Check[]> {
  const { deps } = session;
  const config = await deps.service.loadConfig(serviceEnvironment(deps.env)).catch((error: unknown) => asFault(error));
  const basics = [nodeCheck(process.versions.node), configCheck(config)];
  if (config instanceof PosternError) return [...basics, clockCheck(deps.clock)];
  return [...basics, ...checksOf(session, config), clockCheck(deps.clock)];
}

function checksOf(session: Session, config: Config): readonly Check[] {
  const { deps, http } = session;
  const place = () => deps.service.temporalOf(config);
  return [
    dataCheck(config),
    databaseCheck(config),
    temporalCheck(place),
    smtpCheck(config.smtp),
    httpCheck(config.http, deps.fetch),
    dnsCheck(config, deps.files),
    domainsCheck(config, deps.files, http),
    channelsCheck(place, http),
  ];
}

function asFault(error: unknown): PosternError {
  if (error instanceof PosternError) return error;
  throw error;
}

/** A check that breaks has found something too. */
async function runCheck({ name, run }: Check): Promise<Named> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Found>((resolve) => {
    timer = setTimeout(resolve, CHECK_MS, failed(`no answer within ${CHECK_MS / 1000} s`, "see whether the network or the disk hangs"));
  });
  try {
    return { name, ...(await Promise.race([run(), late])) };
  } catch (error) {
    return { name, ...brokenBy(error) };
  } finally {
    clearTimeout(timer);
  }
}

function brokenBy(error: unknown): Found {
  if (!(error instanceof PosternError)) return failed(error instanceof Error ? error.message : String(error), undefined);
  const places = error.problems.map(({ path, message }) => `${path} ${message}`);
  return failed([error.message, ...places].join("; "), error.fix);
}

const MARKS = { ok: "✓", failed: "✗", note: "–" } as const;
const COLOURS = { ok: "green", failed: "red", note: "yellow" } as const;
const NAME_CELLS = 13;

function formatFound({ paint, cells }: Session, { name, status, text, fix }: Named): string {
  const indent = " ".repeat(2 + NAME_CELLS);
  const room = cells === null ? Infinity : Math.max(30, cells - indent.length);
  const lines = [...wrap(printable(text), room), ...(fix === undefined ? [] : wrap(printable(`→ ${fix}`), room))];
  const head = `${paint(COLOURS[status], MARKS[status])} ${pad(name, NAME_CELLS)}`;
  return lines.map((line, index) => (index === 0 ? head : indent) + line).join("\n");
}
