import { accessSync, constants, statSync } from "node:fs";
import { isIP } from "node:net";
import { resolve } from "node:path";
import { domainToASCII } from "node:url";
import { z } from "zod";
import { PosternError } from "./model/errors.ts";
import type { S3Settings } from "./blobs/s3/settings.ts";
import { parseNetworks } from "./smtp/peers.ts";
import { NoDatabase, parseDatabaseUrl, type DatabaseTarget } from "./store/postgres/target.ts";
import { isLoopback, type Relay } from "./transports/relay.ts";

// One reader per kind of setting. A refusal is one line: what is wrong, then the way out.

export interface Listen {
  /** Host name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

class Refused extends Error {}

function setting<T>(read: (text: string) => T): z.ZodPipe<z.ZodString, z.ZodTransform<T, string>> {
  return z.string().transform((text, context) => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  });
}

function refuse(what: string, fix: string): never {
  throw new Refused(`${what}; ${fix}`);
}

/** `host:port`, `[::1]:port`. */
export const listen = (example: string) => setting<Listen>((text) => readListen(text, example));

function readListen(text: string, example: string): Listen {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined) return refuse(`\`${text}\` is not host:port`, `write for example \`${example}\``);
  if (port < 1 || port > 65_535) return refuse(`port \`${digits}\` does not exist`, "use 1 to 65535");
  return { host, port };
}

/** Where a door listens: a port, or a unix socket by its absolute path. */
export type Door = Listen | { readonly path: string };

/** Bytes of a socket's path, whatever the system (`sun_path`). */
const SOCKET_PATH = 103;

/** `host:port`, or the absolute path of a unix socket. */
export const door = (example: string) =>
  setting<Door>((text) => {
    if (!text.startsWith("/")) return readListen(text, `${example}\` or \`/run/postern/lmtp.sock`);
    if (Buffer.byteLength(text) > SOCKET_PATH) return refuse(`\`${text}\` is too long for a socket`, `use at most ${SOCKET_PATH} bytes`);
    return { path: text };
  });

/** An absolute path; the directory itself may be missing, its writer makes it. */
export const directory = setting((text) => {
  const path = resolve(text);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) refuse(`\`${path}\` is not a directory`, "name another one");
  return path;
});

export const readableFile = setting((text) => {
  const path = resolve(text);
  try {
    accessSync(path, constants.R_OK);
  } catch {
    refuse(`the file \`${path}\` cannot be read`, "check the path and its permissions, or unset it");
  }
  return path;
});

/** A whole number within bounds, of `unit`. */
export const wholeNumber = (unit: string, from: number, to: number) => numberBetween(`a whole number of ${unit}`, from, to);

export const portNumber = numberBetween("a port number", 1, 65_535);

function numberBetween(what: string, from: number, to: number) {
  return setting((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= from && value <= to)) refuse(`\`${text}\` is not ${what} from ${from} to ${to}`, "correct or unset it");
    return value;
  });
}

/** Bytes, or KiB and MiB with their unit: `26214400`, `25MiB`. */
export const byteSize = (from: number, to: number) =>
  setting((text) => {
    const [, digits, unit] = /^(\d{1,12})\s?(B|KiB|MiB)?$/i.exec(text) ?? [];
    const bytes = Number(digits ?? Number.NaN) * unitSize(unit);
    if (!(bytes >= from && bytes <= to)) refuse(`\`${text}\` is not a size from ${from} to ${to} bytes`, "write for example `25MiB`");
    return bytes;
  });

function unitSize(unit: string | undefined): number {
  switch (unit?.toLowerCase()) {
    case "kib":
      return 1024;
    case "mib":
      return 1024 * 1024;
    default:
      return 1;
  }
}

export const oneOf = <const T extends string>(values: readonly T[]) =>
  setting((text) => {
    return values.find((value) => value === text) ?? refuse(`\`${text}\` is not known`, `use one of ${values.join(", ")}`);
  });

/** Without a trailing slash. */
export const publicUrl = setting((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === "";
  if (!plain) refuse(`\`${text}\` is not a plain http or https URL`, "write for example `https://mail.example.com`");
  return text.replace(/\/+$/, "");
});

/** IP addresses and networks, separated by commas. */
export const networks = setting((text) => {
  const list = text.split(",").map((entry) => entry.trim());
  try {
    parseNetworks(list);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    refuse(error.message, error.fix ?? "");
  }
  return list;
});

/** Names of hosts and IP addresses, separated by commas, as URLs have them. */
export const hosts = setting((text) =>
  text.split(",").map((entry) => {
    const host = entry.trim();
    const isIPv6 = isIP(host) === 6;
    const url = `https://${isIPv6 ? `[${host}]` : host}`;
    const { hostname } = URL.canParse(url) ? new URL(url) : { hostname: "" };
    if (isIPv6) return hostname.slice(1, -1);
    return hostname !== "" && hostname === host.toLowerCase()
      ? hostname
      : refuse(`\`${host}\` is not a host`, "write names or addresses, without port or scheme");
  }),
);

// What a key was set to is never repeated: the line may end in a log.

export const adminKey = setting((text) => {
  if (/^pst_live_[\x21-\x7e]{20,190}$/.test(text)) return text;
  return refuse(
    "is not `pst_live_` and at least 20 visible characters",
    "make one with `echo pst_live_$(openssl rand -hex 20)`, or unset it",
  );
});

export const secretKey = setting((text) => {
  const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
  return isBase64 ? text : refuse("is not 32 bytes in base64", "make one with `openssl rand -base64 32`, or unset it");
});

const RELAY_PORTS = { "smtp:": 587, "smtps:": 465 } as const;

/** Repeats nothing of what was given, which may hold a password. `smtp://user:password@host:port`, `smtps://…`; user and password percent-encoded. */
export const relay = setting<Relay>((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const { protocol } = url ?? {};
  if (url === null || (protocol !== "smtp:" && protocol !== "smtps:")) return refuse("is not an smtp or smtps URL", RELAY_FIX);
  if ((url.pathname !== "" && url.pathname !== "/") || url.search + url.hash !== "") {
    return refuse("has more than user, host and port", "TLS is always verified and there is nothing else to set; " + RELAY_FIX);
  }
  const host = relayHost(url.hostname);
  if (host === null) return refuse("names no host", RELAY_FIX);
  const port = url.port === "" ? RELAY_PORTS[protocol] : Number(url.port);
  if (port === 0) return refuse("port `0` does not exist", "use 1 to 65535");
  const security = protocol === "smtps:" ? "tls" : isLoopback(host) ? "none" : "starttls";
  return { host, port, security, auth: relayAuth(url) };
});

const RELAY_FIX = "write for example `smtps://user:password@smtp.example.com:465`";

function relayHost(text: string): string | null {
  const bare = text.startsWith("[") ? text.slice(1, -1) : domainToASCII(decoded(text) ?? "");
  return isIP(bare) !== 0 || /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(bare) ? bare : null;
}

function relayAuth({ username, password }: URL): Relay["auth"] {
  if (username === "" && password === "") return null;
  const [user, secret] = [decoded(username), decoded(password)];
  if (!user || !secret) return refuse("has a user without a password, or the reverse, or a broken `%` in them", RELAY_FIX);
  if (/[\0-\x1f\x7f]/.test(user + secret)) return refuse("has control characters in user or password", RELAY_FIX);
  return { user, password: secret };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Repeats nothing of what was given, which may hold a password. */
export const database = setting<DatabaseTarget>((text) => {
  try {
    return parseDatabaseUrl(text);
  } catch (error) {
    if (!(error instanceof NoDatabase)) throw error;
    return refuse(error.message, "write for example `postgres://user:password@host:5432/postern?sslmode=verify-full`");
  }
});

const BUCKET_FIX = "write `s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1`";

/** `s3://bucket/prefix?endpoint=…&region=…`; without an endpoint it is AWS's own of that region. Keys are not in it. */
export const bucket = setting<Omit<S3Settings, "accessKeyId" | "secretAccessKey" | "sessionToken">>((text) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== "s3:" || url.username + url.password + url.hash !== "")
    return refuse("is not an s3 URL", BUCKET_FIX);
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(url.host)) return refuse(`\`${url.host}\` is not the name of a bucket`, BUCKET_FIX);
  const path = url.pathname.replace(/^\/|\/$/g, "");
  if (!/^(?:[A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]*$/.test(path))
    return refuse("has a prefix that is not letters, digits, `.`, `_`, `-`", BUCKET_FIX);
  const { endpoint: server, region = "us-east-1", ...others } = Object.fromEntries(url.searchParams);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) return refuse(`\`${unknown}\` is not known`, BUCKET_FIX);
  if (!/^[a-z0-9-]{1,40}$/.test(region)) return refuse(`\`${region}\` is not the name of a region`, BUCKET_FIX);
  const endpoint = originOf(server ?? `https://s3.${region}.amazonaws.com`);
  if (endpoint === null) return refuse(`the endpoint \`${server}\` is not an http or https address without a path`, BUCKET_FIX);
  return { endpoint, region, bucket: url.host, prefix: path === "" ? "" : `${path}/` };
});

function originOf(text: string): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === "";
  return plain && url.pathname === "/" ? url.origin : null;
}
