import { join } from "node:path";
import { PosternError } from "../model/errors.ts";
import type { Environment, Files } from "./deps.ts";

const HTTP_DEFAULT = "127.0.0.1:8025";
const SMTP_DEFAULT = "127.0.0.1:2525";
const DATA_DEFAULT = "./.postern";

/** Where a service listens, as this host reaches it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** POSTERN_URL, else where the service of this environment listens (POSTERN_HTTP), else POSTERN_PUBLIC_URL. Without a final slash. */
export function serviceUrl(env: Environment): string {
  const url =
    given(env, "POSTERN_URL") ?? localUrl(given(env, "POSTERN_HTTP")) ?? given(env, "POSTERN_PUBLIC_URL") ?? `http://${HTTP_DEFAULT}`;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw notUrl(url);
  return url.replace(/\/+$/, "");
}

/** Empty is unset, as for the service. */
function given(env: Environment, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

function localUrl(listen: string | undefined): string | null {
  if (listen === undefined) return null;
  const { host, port } = parseEndpoint("POSTERN_HTTP", listen);
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

export function smtpEndpoint(env: Environment): Endpoint {
  return parseEndpoint("POSTERN_SMTP", given(env, "POSTERN_SMTP") ?? SMTP_DEFAULT);
}

/** `host:port`, `[ipv6]:port`; a service that listens everywhere is reached on this host. */
function parseEndpoint(name: string, text: string): Endpoint {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new PosternError("invalid_config", `${name} is \`${text}\`, not an address and a port`, {
      fix: `write it like \`${SMTP_DEFAULT}\``,
    });
  }
  return { host: EVERYWHERE[host] ?? host, port: Number(port) };
}

const EVERYWHERE: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * POSTERN_KEY, else, for a service of this host, POSTERN_ADMIN_KEY or the first admin key in the data directory. Never taken from the command line,
 * where other users of the machine could read it.
 */
export async function accessKey(env: Environment, files: Files, url: string): Promise<string> {
  // `POSTERN_KEY=$(cat missing)` must not become the admin's word.
  if (env["POSTERN_KEY"] === "")
    throw new PosternError("unauthorized", "POSTERN_KEY is set and empty", {
      fix: "give the key, or unset it to use this host's admin key",
    });
  const key = given(env, "POSTERN_KEY") ?? (await operatorKey(env, files, url));
  if (!/^[\x21-\x7e]{1,200}$/.test(key))
    throw new PosternError("unauthorized", "the key holds spaces or other characters no key has", { fix: NO_KEY_FIX });
  return key;
}

async function operatorKey(env: Environment, files: Files, url: string): Promise<string> {
  // Threat: this machine's operator key must not go to whatever host a variable names.
  if (!isThisHost(url))
    throw new PosternError("unauthorized", `no key for \`${url}\``, { fix: "set POSTERN_KEY to a key of that service" });
  return given(env, "POSTERN_ADMIN_KEY") ?? keyOfFile(env, files);
}

async function keyOfFile(env: Environment, files: Files): Promise<string> {
  const path = join(given(env, "POSTERN_DATA") ?? DATA_DEFAULT, "admin.key");
  try {
    return (await files.read(path)).toString("utf8").trim();
  } catch (cause) {
    throw new PosternError("unauthorized", `no key: POSTERN_KEY is not set and \`${path}\` cannot be read`, { fix: NO_KEY_FIX, cause });
  }
}

const NO_KEY_FIX = "set POSTERN_KEY, or run this where POSTERN_DATA is the data directory of the service";

function isThisHost(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function notUrl(url: string): PosternError {
  return new PosternError("invalid_config", `\`${url}\` is not the URL of a service`, {
    fix: `set POSTERN_URL like \`http://${HTTP_DEFAULT}\``,
  });
}

/** Names that are the commands' own: the service, which refuses what it does not know, is not given them. */
const CLIENT_NAMES: readonly string[] = ["POSTERN_URL", "POSTERN_KEY"];

export function serviceEnvironment(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !CLIENT_NAMES.includes(name)));
}
