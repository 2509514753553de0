import { z } from "zod";
import type { S3Settings } from "./blobs/s3/settings.ts";
import { SUBMITS_PER_HOUR } from "./http/submit-rate.ts";
import { IDENTITY_HEADERS, type IdentityHeaderName } from "./mail/composer.ts";
import { MAIL_LIMITS } from "./mail/limits.ts";
import { PosternError, type Problem } from "./model/errors.ts";
import * as read from "./settings.ts";
import { SMTP_LIMITS, type SmtpLimits } from "./smtp/limits.ts";
import { formatDatabase, type DatabaseTarget } from "./store/postgres/target.ts";
import { isTemporalExternal } from "./temporal-env.ts";
import { formatRelay, type Relay } from "./transports/relay.ts";

export { isTemporalExternal };

const PREFIX = "POSTERN_";
const ROLES = ["all", "gateway", "worker"] as const;
const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

const DEFAULT_SMTP = { host: "127.0.0.1", port: 2525 };
const DEFAULT_HTTP = { host: "127.0.0.1", port: 8025 };

/** Every `POSTERN_*` setting there is. What is not here is refused. */
export const Settings = z.object({
  POSTERN_DATA: read.directory.prefault("./.postern").describe("Directory of everything Postern keeps. Default `./.postern`."),
  POSTERN_ROLE: read
    .oneOf(ROLES)
    .default("all")
    .describe("`all` (default), or one part of a deployment of several processes: `gateway` (the doors) or `worker` (the judgements)."),
  POSTERN_SMTP: read.listen("127.0.0.1:2525").default(DEFAULT_SMTP).describe("Where the SMTP door listens. Default `127.0.0.1:2525`."),
  POSTERN_HTTP: read.listen("127.0.0.1:8025").default(DEFAULT_HTTP).describe("Where the HTTP door listens. Default `127.0.0.1:8025`."),
  POSTERN_PUBLIC_URL: read.publicUrl.optional().describe("How the world reaches the HTTP door, for links. Default: its address."),
  POSTERN_ADMIN_KEY: read.adminKey.optional().describe("First operator and admin key. Default: made at the first start, in `admin.key`."),
  POSTERN_SECRET_KEY: read.secretKey
    .optional()
    .describe("Seals recoverable secrets; 32 bytes, base64. Default: made at the first start, in `secret.key`."),
  POSTERN_TRUSTED_RELAYS: read.networks
    .default([])
    .describe(
      "Peers that may state a client's address by XCLIENT or XFORWARD: addresses and networks, `unix` for those of a unix socket. Default: nobody.",
    ),
  POSTERN_RELAY: read.relay
    .optional()
    .describe(
      "Where mail leaves to: `smtps://user:password@host:465`, or `smtp://…` with STARTTLS (not needed to this machine itself). Default: the sandbox, which keeps it.",
    ),
  POSTERN_IDENTITY_HEADER: read
    .oneOf(IDENTITY_HEADERS)
    .default("Postern-Identity")
    .describe("Name of the signed identity header of mail that leaves: `Postern-Identity` (default) or `X-MultiMail-Identity`."),
  POSTERN_WEBHOOK_ALLOW: read.hosts
    .default([])
    .describe(
      "Hosts of your own that webhooks may go to though they are not on the public Internet, also without TLS: names and addresses, separated by commas. Default: none.",
    ),
  POSTERN_DNS_ZONE: read.readableFile.optional().describe("JSON zone used instead of DNS, for tests and the demo."),
  POSTERN_TLS_CERT: read.readableFile.optional().describe("PEM certificate chain for STARTTLS. Default: STARTTLS is not offered."),
  POSTERN_TLS_KEY: read.readableFile.optional().describe("PEM key of that certificate."),
  POSTERN_LOG_LEVEL: read.oneOf(LOG_LEVELS).default("info").describe("`debug`, `info`, `warn`, `error` or `silent`. Default `info`."),
  POSTERN_TEMPORAL_PORT: read.portNumber
    .optional()
    .describe("gRPC port of the embedded Temporal server. Default: a free one, the same at every start."),
  // No more than the reader takes, or the door would announce a size, take the message in and then refuse it.
  POSTERN_LIMIT_MESSAGE_SIZE: read
    .byteSize(1024, MAIL_LIMITS.size)
    .default(SMTP_LIMITS.size)
    .describe("Largest message, in bytes or as `10MiB`. Default `25MiB`, which is also the most."),
  POSTERN_LIMIT_RECIPIENTS: read
    .wholeNumber("recipients", 1, 10_000)
    .default(SMTP_LIMITS.recipients)
    .describe("Recipients of one transaction. Default 100."),
  POSTERN_LIMIT_CONNECTIONS_PER_PEER: read
    .wholeNumber("connections", 1, 10_000)
    .default(SMTP_LIMITS.connectionsPerPeer)
    .describe("SMTP connections of one peer at once. Default 20."),
  POSTERN_LIMIT_IDLE_SECONDS: read
    .wholeNumber("seconds", 1, 3_600)
    .default(SMTP_LIMITS.idleMs / 1000)
    .describe("Seconds a peer may be silent. Default 60."),
  POSTERN_LIMIT_SUBMITS_PER_HOUR: read
    .wholeNumber("submits", 1, 1_000_000)
    .default(SUBMITS_PER_HOUR)
    .describe("Submits of one key in an hour that are refused or dry runs; what becomes a draft has the policy's caps. Default 600."),
  // RFC 5321 §4.5.3.2.6: a sender waits ten minutes for the answer to the final dot.
  POSTERN_LIMIT_ANSWER_SECONDS: read
    .wholeNumber("seconds", 1, 590)
    .default(SMTP_LIMITS.answerMs / 1000)
    .describe("Seconds a sender waits for a decision before it is told 451. Default 30."),
  POSTERN_DATABASE_URL: read.database
    .optional()
    .describe(
      "PostgreSQL 15 or newer: `postgres://user:password@host:5432/postern?sslmode=verify-full` (or `require`, or `disable`, the default; `sslrootcert=` an absolute path). Default: the embedded store in the data directory.",
    ),
  POSTERN_BLOBS: read.bucket
    .optional()
    .describe(
      "Bucket that keeps mail: `s3://bucket/prefix?endpoint=https://…&region=…`, with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. Default: files in the data directory.",
    ),
  POSTERN_LMTP: read
    .door("127.0.0.1:2424")
    .optional()
    .describe("Where the LMTP door listens for your own MTA: `host:port`, or the absolute path of a unix socket. Default: nowhere."),
});
type Settings = z.infer<typeof Settings>;

/** The settings of one instance, checked. */
export interface Config {
  /** Absolute path. */
  readonly dataDir: string;
  readonly role: (typeof ROLES)[number];
  readonly smtp: read.Listen;
  /** Undefined: there is no LMTP door. */
  readonly lmtp?: read.Door | undefined;
  readonly http: read.Listen;
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly adminKey: string | undefined;
  readonly secretKey: string | undefined;
  /** IP addresses and networks. */
  readonly trustedRelays: readonly string[];
  /** Undefined: files in the data directory. */
  readonly blobs: S3Settings | undefined;
  /** Undefined: the embedded store, a file in the data directory. */
  readonly database: DatabaseTarget | undefined;
  /** Undefined: mail goes to the sandbox. */
  readonly relay: Relay | undefined;
  /** What the signed identity header is called (MM-18). */
  readonly identityHeader: IdentityHeaderName;
  /** Hosts that webhooks may go to wherever they are, in lower case. */
  readonly webhookAllow: readonly string[];
  /** Absolute path of a JSON zone. */
  readonly dnsZone: string | undefined;
  /** Absolute paths of PEM files. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly limits: Pick<SmtpLimits, "size" | "recipients" | "connectionsPerPeer" | "idleMs" | "answerMs">;
  /** Submits of one key in an hour that may come to nothing. */
  readonly submitsPerHour: number;
  readonly temporal: TemporalConfig;
}

/** `external`: how to connect is read by `@temporalio/envconfig` from Temporal's own environment names. */
export type TemporalConfig =
  { readonly kind: "embedded"; readonly namespace: string; readonly port: number | undefined } | { readonly kind: "external" };

/**
 * Reads the settings from an environment, once. Empty values count as unset; relative paths start at the working directory.
 *
 * Throws `invalid_config` with one line per problem in `message` (each names the setting and the way out) and the same in
 * `problems`: a value that cannot be used, a `POSTERN_*` name that does not exist, a file that cannot be read, a feature not built yet.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => name.startsWith(PREFIX) && value !== ""));
  const settings = Settings.safeParse(given);
  const problems = [
    ...unknownNames(given),
    ...problemsOf(settings),
    ...halfTls(given),
    ...keylessBucket(settings, env),
    ...lonelyRole(settings, env),
  ];
  if (!settings.success || problems.length > 0) throw invalid(problems);
  return toConfig(settings.data, env);
}

/** For the log of a start: every setting as it is used, keys only as given or not, relay and database without their passwords. */
export function describeConfig(config: Config): Readonly<Record<string, unknown>> {
  const { adminKey, secretKey, smtp, lmtp, http, relay, blobs, database, ...rest } = config;
  const source = (key: string | undefined): string => (key === undefined ? "from the data directory" : "from the environment");
  const doors = { smtp: formatListen(smtp), http: formatListen(http), ...(lmtp === undefined ? {} : { lmtp: formatDoor(lmtp) }) };
  const keys = { adminKey: source(adminKey), secretKey: source(secretKey) };
  const mail = blobs === undefined ? "in the data directory" : `${blobs.endpoint}/${blobs.bucket}/${blobs.prefix}`;
  const rows = database === undefined ? "in the data directory" : formatDatabase(database);
  return { ...rest, ...doors, database: rows, blobs: mail, relay: relay === undefined ? "the sandbox" : formatRelay(relay), ...keys };
}

/** Inverse of reading `host:port`. */
export function formatListen({ host, port }: read.Listen): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

export function formatDoor(door: read.Door): string {
  return "path" in door ? door.path : formatListen(door);
}

function toConfig(settings: Settings, env: NodeJS.ProcessEnv): Config {
  const { POSTERN_TLS_CERT: cert, POSTERN_TLS_KEY: key } = settings;
  return {
    dataDir: settings.POSTERN_DATA,
    role: settings.POSTERN_ROLE,
    smtp: settings.POSTERN_SMTP,
    lmtp: settings.POSTERN_LMTP,
    http: settings.POSTERN_HTTP,
    publicUrl: settings.POSTERN_PUBLIC_URL ?? `http://${formatListen(reachable(settings.POSTERN_HTTP))}`,
    adminKey: settings.POSTERN_ADMIN_KEY,
    secretKey: settings.POSTERN_SECRET_KEY,
    trustedRelays: settings.POSTERN_TRUSTED_RELAYS,
    database: settings.POSTERN_DATABASE_URL,
    blobs: settings.POSTERN_BLOBS && { ...settings.POSTERN_BLOBS, ...bucketKeys(env) },
    relay: settings.POSTERN_RELAY,
    identityHeader: settings.POSTERN_IDENTITY_HEADER,
    webhookAllow: settings.POSTERN_WEBHOOK_ALLOW,
    dnsZone: settings.POSTERN_DNS_ZONE,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    logLevel: settings.POSTERN_LOG_LEVEL,
    limits: {
      size: settings.POSTERN_LIMIT_MESSAGE_SIZE,
      recipients: settings.POSTERN_LIMIT_RECIPIENTS,
      connectionsPerPeer: settings.POSTERN_LIMIT_CONNECTIONS_PER_PEER,
      idleMs: settings.POSTERN_LIMIT_IDLE_SECONDS * 1000,
      answerMs: settings.POSTERN_LIMIT_ANSWER_SECONDS * 1000,
    },
    submitsPerHour: settings.POSTERN_LIMIT_SUBMITS_PER_HOUR,
    temporal: isTemporalExternal(env)
      ? { kind: "external" }
      : { kind: "embedded", namespace: env["TEMPORAL_NAMESPACE"] || "default", port: settings.POSTERN_TEMPORAL_PORT },
  };
}

/** An address that listens everywhere is none that can be visited. */
function reachable(listen: read.Listen): read.Listen {
  return listen.host === "0.0.0.0" || listen.host === "::" ? { ...listen, host: "localhost" } : listen;
}

function problemsOf(settings: z.ZodSafeParseResult<Settings>): Problem[] {
  return (settings.error?.issues ?? []).map(({ path, message }) => ({ path: path.join("."), message }));
}

function halfTls(given: Readonly<Record<string, unknown>>): Problem[] {
  const [cert, key] = ["POSTERN_TLS_CERT", "POSTERN_TLS_KEY"] as const;
  if (cert in given === key in given) return [];
  const [set, missing] = cert in given ? [cert, key] : [key, cert];
  return [{ path: set, message: `is of no use without \`${missing}\`; set both, or neither` }];
}

/** What the processes of one deployment must have in common. */
const SHARED = {
  gateway: ["POSTERN_DATABASE_URL", "POSTERN_BLOBS", "POSTERN_SECRET_KEY", "POSTERN_ADMIN_KEY"],
  worker: ["POSTERN_DATABASE_URL", "POSTERN_BLOBS", "POSTERN_SECRET_KEY"],
} as const;

function lonelyRole({ data }: z.ZodSafeParseResult<Settings>, env: NodeJS.ProcessEnv): Problem[] {
  if (data === undefined || data.POSTERN_ROLE === "all") return [];
  const missing: string[] = SHARED[data.POSTERN_ROLE].filter((name) => data[name] === undefined);
  if (!isTemporalExternal(env)) missing.push("TEMPORAL_ADDRESS");
  if (missing.length === 0) return [];
  const names = missing.map((name) => `\`${name}\``).join(", ");
  return [
    {
      path: "POSTERN_ROLE",
      message: `\`${data.POSTERN_ROLE}\` shares its state with other processes and needs ${names}; set them, or use \`all\``,
    },
  ];
}

// The names that every client of S3 reads.
const [BUCKET_KEY, BUCKET_SECRET, BUCKET_SESSION] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;

function keylessBucket({ data }: z.ZodSafeParseResult<Settings>, env: NodeJS.ProcessEnv): Problem[] {
  const missing = [BUCKET_KEY, BUCKET_SECRET].filter((name) => !env[name]);
  if (data?.POSTERN_BLOBS === undefined || missing.length === 0) return [];
  return [{ path: "POSTERN_BLOBS", message: `needs ${missing.map((name) => `\`${name}\``).join(" and ")}; set the keys of the bucket` }];
}

function bucketKeys(env: NodeJS.ProcessEnv): Pick<S3Settings, "accessKeyId" | "secretAccessKey" | "sessionToken"> {
  const session = env[BUCKET_SESSION];
  return { accessKeyId: env[BUCKET_KEY] ?? "", secretAccessKey: env[BUCKET_SECRET] ?? "", ...(session ? { sessionToken: session } : {}) };
}

function unknownNames(given: Readonly<Record<string, unknown>>): Problem[] {
  const known = Object.keys(Settings.shape);
  return Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => ({ path: name, message: `is not a setting; ${suggestion(name, known)}` }));
}

function suggestion(name: string, known: readonly string[]): string {
  const [nearest] = known.map((other) => ({ other, distance: editDistance(name, other) })).sort((a, b) => a.distance - b.distance);
  return nearest !== undefined && nearest.distance <= (name.length - PREFIX.length) / 3 ? `did you mean \`${nearest.other}\`?` : "unset it";
}

/** Levenshtein, two letters in the wrong order being one change. Names are short and few. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1, isSwap ? before[j - 2]! + 1 : Infinity));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

function invalid(problems: readonly Problem[]): PosternError {
  const lines = problems.map(({ path, message }) => `${path}: ${message}`);
  return new PosternError("invalid_config", lines.join("\n"), { problems });
}
