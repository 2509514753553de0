import { readFileSync } from "node:fs";
import { isAbsolute } from "node:path";

/** Which database, and as whom. */
export interface DatabaseTarget {
  /** Host name, IP address without brackets, or the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string | undefined;
  /**
   * As libpq means it: `require` encrypts without asking who is there, `verify-full` checks the certificate and its name.
   * Whoever sits between may read and change everything under `disable`, and may pose as the server under `require`.
   */
  readonly sslmode: (typeof SSL_MODES)[number];
  /** Absolute path of a PEM file with the authorities; undefined: those that Node knows. */
  readonly sslrootcert: string | undefined;
}

const SSL_MODES = ["disable", "require", "verify-full"] as const;
const PARAMETERS = ["sslmode", "sslrootcert", "host", "user"];

/** What is wrong with a URL. Repeats nothing of it, which may hold a password. */
export class NoDatabase extends Error {}

/**
 * Reads `postgres://user:password@host:5432/database?sslmode=verify-full`, everything percent-encoded, or
 * `postgres:///database?host=/run/postgresql&user=…` for a socket. Throws `NoDatabase`.
 */
export function parseDatabaseUrl(text: string): DatabaseTarget {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hash !== "") throw new NoDatabase("is not a postgres URL");
  const parameters = readParameters(url.searchParams);
  const sslmode = SSL_MODES.find((mode) => mode === (parameters.get("sslmode") ?? "disable"));
  if (sslmode === undefined) throw new NoDatabase(`has an sslmode other than ${SSL_MODES.join(", ")}`);
  const sslrootcert = parameters.get("sslrootcert");
  if (sslrootcert !== undefined && (sslmode !== "verify-full" || !isAbsolute(sslrootcert))) {
    throw new NoDatabase("has an sslrootcert that is no absolute path or whose sslmode is not verify-full");
  }
  const database = decoded(url.pathname.slice(1));
  if (database === "" || database.includes("/")) throw new NoDatabase("names no database");
  return { ...placeOf(url, parameters.get("host")), database, ...personOf(url, parameters.get("user")), sslmode, sslrootcert };
}

function readParameters(given: URLSearchParams): ReadonlyMap<string, string> {
  for (const name of given.keys()) {
    if (!PARAMETERS.includes(name) || given.getAll(name).length > 1) throw new NoDatabase(`may have each of ${PARAMETERS.join(", ")} once`);
  }
  return new Map(given);
}

function placeOf(url: URL, socket: string | undefined): Pick<DatabaseTarget, "host" | "port"> {
  const named = decoded(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  if ((named === "") === (socket === undefined) || socket?.startsWith("/") === false) {
    throw new NoDatabase("names no host, or two; `host=` is for the directory of a socket");
  }
  return { host: socket ?? named, port: url.port === "" ? 5432 : Number(url.port) };
}

function personOf(url: URL, other: string | undefined): Pick<DatabaseTarget, "user" | "password"> {
  const user = other ?? decoded(url.username);
  if (user === "") throw new NoDatabase("names no user");
  return { user, password: url.password === "" ? undefined : decoded(url.password) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new NoDatabase("has a broken `%`");
  }
}

/** The inverse, for people and logs: without the password. */
export function formatDatabase({ host, port, database, user, sslmode, sslrootcert }: DatabaseTarget): string {
  const tls = { sslmode, ...(sslrootcert === undefined ? {} : { sslrootcert }) };
  if (host.startsWith("/")) {
    return `postgres:///${encodeURIComponent(database)}?${new URLSearchParams({ host, user, ...tls }).toString()}`;
  }
  const place = `${encodeURIComponent(user)}@${host.includes(":") ? `[${host}]` : host}:${port}`;
  return `postgres://${place}/${encodeURIComponent(database)}?${new URLSearchParams(tls).toString()}`;
}

/** What `pg` is told of it. */
export function tlsOf({ sslmode, sslrootcert }: DatabaseTarget): false | { readonly rejectUnauthorized: boolean; readonly ca?: string } {
  if (sslmode === "disable") return false;
  const ca = sslrootcert === undefined ? {} : { ca: readFileSync(sslrootcert, "utf8") };
  return { rejectUnauthorized: sslmode === "verify-full", ...ca };
}
