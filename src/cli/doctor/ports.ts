import { connect } from "node:net";
import { tryListen, type Listen } from "../../net/listen.ts";
import { failed, note, ok, type Check, type Found } from "./check.ts";

const ANSWER_MS = 5_000;
const LONGEST_GREETING = 1_000;

/** Free, or Postern's own. */
export function smtpCheck(listen: Listen): Check {
  return { name: "SMTP port", run: () => checkPort(listen, "POSTERN_SMTP", () => greets(listen)) };
}

export function httpCheck(listen: Listen, fetchUrl: typeof fetch): Check {
  return { name: "HTTP port", run: () => checkPort(listen, "POSTERN_HTTP", () => answersHttp(listen, fetchUrl)) };
}

async function checkPort(listen: Listen, setting: string, answers: () => Promise<Found | null>): Promise<Found> {
  const { host, port } = listen;
  const shown = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const code = await tryListen(listen);
  if (code === null) return ok(`${shown} is free`);
  if (code === "EACCES")
    return failed(`${shown} may not be listened on by this user`, `set ${setting} to a port over 1023, or grant the right`);
  if (code !== "EADDRINUSE") return failed(`${shown} cannot be listened on (${code})`, `set ${setting} to an address of this machine`);
  const found = await answers();
  return found === null
    ? failed(`${shown} is in use by something else`, `stop it, or set ${setting} to another port`)
    : { ...found, text: `${shown} ${found.text}` };
}

/** SMTP servers say who they are by host name only, so any of them may be ours. */
function greets(listen: Listen): Promise<Found | null> {
  return new Promise((resolve) => {
    const socket = connect(reachable(listen));
    let greeting = "";
    const settle = (found: Found | null): void => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(ANSWER_MS, () => settle(null));
    socket.once("error", () => settle(null));
    socket.once("close", () => settle(null));
    socket.on("data", (chunk: Buffer) => {
      greeting += chunk.toString("latin1");
      if (greeting.includes("\n") || greeting.length > LONGEST_GREETING)
        settle(/^220[ -].*\bE?SMTP\b/.test(greeting) ? ok("answers SMTP") : null);
    });
  });
}

async function answersHttp(listen: Listen, fetchUrl: typeof fetch): Promise<Found | null> {
  const { host, port } = reachable(listen);
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    const health = (await getJson(`${url}/healthz`, fetchUrl)) as { readonly status?: unknown; readonly version?: unknown };
    if (health.status !== "ok" || typeof health.version !== "string") return null;
    const { checks = {} } = (await getJson(`${url}/readyz`, fetchUrl)) as { readonly checks?: Readonly<Record<string, unknown>> };
    const missing = Object.keys(checks).filter((name) => checks[name] !== "ok");
    if (missing.length === 0) return ok(`answers: Postern ${health.version}, ready`);
    return note(`answers: Postern ${health.version}, not ready: ${missing.join(" and ")} unreachable`, "see the log of the service");
  } catch {
    return null;
  }
}

async function getJson(url: string, fetchUrl: typeof fetch): Promise<object> {
  const response = await fetchUrl(url, { signal: AbortSignal.timeout(ANSWER_MS), redirect: "manual" });
  const parsed: unknown = await response.json();
  return typeof parsed === "object" && parsed !== null ? parsed : {};
}

function reachable({ host, port }: Listen): Listen {
  return { host: host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host, port };
}
