import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { describeConfig, formatListen, loadConfig } from "../src/config.ts";
import { PosternError } from "../src/model/errors.ts";
import { isTemporalExternal } from "../src/temporal-env.ts";

const folder = mkdtempSync(join(tmpdir(), "postern-config-"));
const file = join(folder, "file.pem");
writeFileSync(file, "pem");
afterAll(() => rmSync(folder, { recursive: true }));

const ADMIN_KEY = "pst_live_0123456789abcdefghjk";
const BUCKET_FIX = "write `s3://bucket/prefix?endpoint=https://s3.example.com&region=eu-central-1`";
const DATABASE_FIX = "write for example `postgres://user:password@host:5432/postern?sslmode=verify-full`";
const RELAY_FIX = "write for example `smtps://user:password@smtp.example.com:465`";
const SECRET_KEY = Buffer.alloc(32, 7).toString("base64");

/** The lines of the refusal. */
function refusal(env: NodeJS.ProcessEnv): string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof PosternError && error.code === "invalid_config") return error.message.split("\n");
    throw error;
  }
  throw new Error("was accepted");
}

describe("configuration", () => {
  it("needs nothing: every setting has a default", () => {
    expect(loadConfig({ HOME: "/root", PATH: "/bin" })).toEqual({
      dataDir: join(process.cwd(), ".postern"),
      role: "all",
      smtp: { host: "127.0.0.1", port: 2525 },
      http: { host: "127.0.0.1", port: 8025 },
      publicUrl: "http://127.0.0.1:8025",
      adminKey: undefined,
      secretKey: undefined,
      trustedRelays: [],
      blobs: undefined,
      database: undefined,
      relay: undefined,
      identityHeader: "Postern-Identity",
      dnsZone: undefined,
      tls: undefined,
      logLevel: "info",
      limits: { size: 25 * 1024 * 1024, recipients: 100, connectionsPerPeer: 20, idleMs: 60_000, answerMs: 30_000 },
      submitsPerHour: 600,
      temporal: { kind: "embedded", namespace: "default", port: undefined },
      lmtp: undefined,
      webhookAllow: [],
    });
  });

  it("reads every setting", () => {
    const config = loadConfig({
      POSTERN_DATA: folder,
      POSTERN_ROLE: "all",
      POSTERN_SMTP: "0.0.0.0:25",
      POSTERN_HTTP: "[::]:443",
      POSTERN_PUBLIC_URL: "https://mail.example.com/gate/",
      POSTERN_ADMIN_KEY: ADMIN_KEY,
      POSTERN_SECRET_KEY: SECRET_KEY,
      POSTERN_TRUSTED_RELAYS: "192.0.2.1, 198.51.100.0/24,2001:db8::/32",
      POSTERN_WEBHOOK_ALLOW: "127.0.0.1, Hooks.internal,::1",
      POSTERN_RELAY: "smtps://agent%40acme.example:p%20w%3A%2F@Smtp.Example.com",
      POSTERN_IDENTITY_HEADER: "X-MultiMail-Identity",
      POSTERN_BLOBS: "s3://mail/of/acme?endpoint=http://minio:9000&region=eu-west-1",
      AWS_ACCESS_KEY_ID: "AKID",
      AWS_SECRET_ACCESS_KEY: "bucket-secret",
      POSTERN_DNS_ZONE: file,
      POSTERN_TLS_CERT: file,
      POSTERN_TLS_KEY: file,
      POSTERN_LOG_LEVEL: "warn",
      POSTERN_TEMPORAL_PORT: "7233",
      POSTERN_LIMIT_MESSAGE_SIZE: "10MiB",
      POSTERN_LIMIT_RECIPIENTS: "5",
      POSTERN_LIMIT_CONNECTIONS_PER_PEER: "2",
      POSTERN_LIMIT_IDLE_SECONDS: "7",
      POSTERN_LIMIT_ANSWER_SECONDS: "9",
      POSTERN_LIMIT_SUBMITS_PER_HOUR: "7",
      TEMPORAL_NAMESPACE: "acme",
    });
    expect(config).toEqual({
      dataDir: folder,
      role: "all",
      smtp: { host: "0.0.0.0", port: 25 },
      http: { host: "::", port: 443 },
      publicUrl: "https://mail.example.com/gate",
      adminKey: ADMIN_KEY,
      secretKey: SECRET_KEY,
      trustedRelays: ["192.0.2.1", "198.51.100.0/24", "2001:db8::/32"],
      blobs: {
        endpoint: "http://minio:9000",
        region: "eu-west-1",
        bucket: "mail",
        prefix: "of/acme/",
        accessKeyId: "AKID",
        secretAccessKey: "bucket-secret",
      },
      relay: { host: "smtp.example.com", port: 465, security: "tls", auth: { user: "agent@acme.example", password: "p w:/" } },
      identityHeader: "X-MultiMail-Identity",
      dnsZone: file,
      tls: { cert: file, key: file },
      logLevel: "warn",
      limits: { size: 10 * 1024 * 1024, recipients: 5, connectionsPerPeer: 2, idleMs: 7_000, answerMs: 9_000 },
      submitsPerHour: 7,
      temporal: { kind: "embedded", namespace: "acme", port: 7233 },
      database: undefined,
      lmtp: undefined,
      webhookAllow: ["127.0.0.1", "hooks.internal", "::1"],
    });
  });

  it("takes an empty value for an unset one", () => {
    expect(loadConfig({ POSTERN_SMTP: "", POSTERN_RELAY: "", TEMPORAL_ADDRESS: "", TEMPORAL_NAMESPACE: "" })).toEqual(loadConfig({}));
  });

  it("refuses a bucket without its keys, and never shows them", () => {
    const [bucket, id] = ["s3://mail?region=eu-west-1", "AKID"];
    expect(refusal({ POSTERN_BLOBS: bucket, AWS_ACCESS_KEY_ID: id })).toEqual([
      "POSTERN_BLOBS: needs `AWS_SECRET_ACCESS_KEY`; set the keys of the bucket",
    ]);
    const config = loadConfig({ POSTERN_BLOBS: bucket, AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: "hunter2", AWS_SESSION_TOKEN: "t" });
    expect(config.blobs).toMatchObject({ endpoint: "https://s3.eu-west-1.amazonaws.com", prefix: "", sessionToken: "t" });
    const shown = describeConfig(config);
    expect(shown["blobs"]).toBe("https://s3.eu-west-1.amazonaws.com/mail/");
    expect(JSON.stringify(shown)).not.toContain("hunter2");
  });

  it("X-30 a gateway needs what it shares, and the key that lets people in", () => {
    const shared = {
      POSTERN_ROLE: "gateway",
      POSTERN_DATABASE_URL: "postgres://user:password@db/postern",
      POSTERN_BLOBS: "s3://mail",
      AWS_ACCESS_KEY_ID: "AKID",
      AWS_SECRET_ACCESS_KEY: "hunter2",
      POSTERN_SECRET_KEY: SECRET_KEY,
      TEMPORAL_ADDRESS: "temporal:7233",
    };
    expect(refusal(shared)).toEqual([
      "POSTERN_ROLE: `gateway` shares its state with other processes and needs `POSTERN_ADMIN_KEY`; set them, or use `all`",
    ]);
    expect(loadConfig({ ...shared, POSTERN_ADMIN_KEY: ADMIN_KEY }).role).toBe("gateway");
    expect(loadConfig({ ...shared, POSTERN_ROLE: "worker" }).role).toBe("worker");
  });

  it("names a public URL that can be visited when the HTTP door listens everywhere", () => {
    expect(loadConfig({ POSTERN_HTTP: "0.0.0.0:80" }).publicUrl).toBe("http://localhost:80");
    expect(loadConfig({ POSTERN_HTTP: "[::1]:80" }).publicUrl).toBe("http://[::1]:80");
  });

  it("refuses a setting that does not exist, and names the one that was meant", () => {
    expect(refusal({ POSTERN_SMPT: "x" })).toEqual(["POSTERN_SMPT: is not a setting; did you mean `POSTERN_SMTP`?"]);
    expect(refusal({ POSTERN_DTA: "x" })).toEqual(["POSTERN_DTA: is not a setting; did you mean `POSTERN_DATA`?"]);
    expect(refusal({ POSTERN_TRUSTED_RELAY: "x" })).toEqual([
      "POSTERN_TRUSTED_RELAY: is not a setting; did you mean `POSTERN_TRUSTED_RELAYS`?",
    ]);
    expect(refusal({ POSTERN_WEATHER: "x" })).toEqual(["POSTERN_WEATHER: is not a setting; unset it"]);
  });

  it.each([
    ["POSTERN_SMTP", "2525", "`2525` is not host:port; write for example `127.0.0.1:2525`"],
    ["POSTERN_SMTP", "::1:25", "`::1:25` is not host:port; write for example `127.0.0.1:2525`"],
    ["POSTERN_HTTP", "localhost:70000", "port `70000` does not exist; use 1 to 65535"],
    ["POSTERN_HTTP", "localhost:0", "port `0` does not exist; use 1 to 65535"],
    ["POSTERN_DATA", file, `\`${file}\` is not a directory; name another one`],
    [
      "POSTERN_PUBLIC_URL",
      "mail.example.com",
      "`mail.example.com` is not a plain http or https URL; write for example `https://mail.example.com`",
    ],
    [
      "POSTERN_PUBLIC_URL",
      "https://a.example/?q",
      "`https://a.example/?q` is not a plain http or https URL; write for example `https://mail.example.com`",
    ],
    [
      "POSTERN_TRUSTED_RELAYS",
      "10.0.0.0/8,300.1.1.1",
      "trusted relay `300.1.1.1` is not an IP address or network; write addresses like `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`, separated by commas",
    ],
    [
      "POSTERN_DNS_ZONE",
      "/nonexistent/zone.json",
      "the file `/nonexistent/zone.json` cannot be read; check the path and its permissions, or unset it",
    ],
    ["POSTERN_LOG_LEVEL", "loud", "`loud` is not known; use one of debug, info, warn, error, silent"],
    ["POSTERN_IDENTITY_HEADER", "X-Other", "`X-Other` is not known; use one of Postern-Identity, X-MultiMail-Identity"],
    ["POSTERN_LIMIT_MESSAGE_SIZE", "25GB", "`25GB` is not a size from 1024 to 26214400 bytes; write for example `25MiB`"],
    // The reader would refuse what the door has announced.
    ["POSTERN_LIMIT_MESSAGE_SIZE", "26MiB", "`26MiB` is not a size from 1024 to 26214400 bytes; write for example `25MiB`"],
    ["POSTERN_LIMIT_RECIPIENTS", "0", "`0` is not a whole number of recipients from 1 to 10000; correct or unset it"],
    ["POSTERN_LIMIT_IDLE_SECONDS", "1.5", "`1.5` is not a whole number of seconds from 1 to 3600; correct or unset it"],
    ["POSTERN_LIMIT_ANSWER_SECONDS", "600", "`600` is not a whole number of seconds from 1 to 590; correct or unset it"],
    ["POSTERN_TEMPORAL_PORT", "-1", "`-1` is not a port number from 1 to 65535; correct or unset it"],
    [
      "POSTERN_ROLE",
      "worker",
      "`worker` shares its state with other processes and needs `POSTERN_DATABASE_URL`, `POSTERN_BLOBS`, `POSTERN_SECRET_KEY`, `TEMPORAL_ADDRESS`; set them, or use `all`",
    ],
    ["POSTERN_ROLE", "boss", "`boss` is not known; use one of all, gateway, worker"],
    ["POSTERN_DATABASE_URL", "mysql://u:hunter2@h/d", `is not a postgres URL; ${DATABASE_FIX}`],
    [
      "POSTERN_DATABASE_URL",
      "postgres://u:hunter2@h/d?sslmode=prefer",
      `has an sslmode other than disable, require, verify-full; ${DATABASE_FIX}`,
    ],
    ["POSTERN_BLOBS", "/var/mail", `is not an s3 URL; ${BUCKET_FIX}`],
    ["POSTERN_BLOBS", "s3://id:hunter2@bucket", `is not an s3 URL; ${BUCKET_FIX}`],
    ["POSTERN_BLOBS", "s3://b", `\`b\` is not the name of a bucket; ${BUCKET_FIX}`],
    ["POSTERN_BLOBS", "s3://bucket/a b", `has a prefix that is not letters, digits, \`.\`, \`_\`, \`-\`; ${BUCKET_FIX}`],
    ["POSTERN_BLOBS", "s3://bucket?secret=hunter2", `\`secret\` is not known; ${BUCKET_FIX}`],
    ["POSTERN_BLOBS", "s3://bucket?region=EU", `\`EU\` is not the name of a region; ${BUCKET_FIX}`],
    [
      "POSTERN_BLOBS",
      "s3://bucket?endpoint=ftp://h",
      `the endpoint \`ftp://h\` is not an http or https address without a path; ${BUCKET_FIX}`,
    ],
    [
      "POSTERN_WEBHOOK_ALLOW",
      "https://hooks.internal",
      "`https://hooks.internal` is not a host; write names or addresses, without port or scheme",
    ],
    [
      "POSTERN_WEBHOOK_ALLOW",
      "hooks.internal:8080",
      "`hooks.internal:8080` is not a host; write names or addresses, without port or scheme",
    ],
    ["POSTERN_WEBHOOK_ALLOW", "a,2130706433", "`2130706433` is not a host; write names or addresses, without port or scheme"],
    ["POSTERN_LMTP", "lmtp", "`lmtp` is not host:port; write for example `127.0.0.1:2424` or `/run/postern/lmtp.sock`"],
    ["POSTERN_LMTP", `/run/${"a".repeat(120)}`, `\`/run/${"a".repeat(120)}\` is too long for a socket; use at most 103 bytes`],
    ["POSTERN_RELAY", "relay:25", `is not an smtp or smtps URL; ${RELAY_FIX}`],
    ["POSTERN_RELAY", "https://u:hunter2@relay.example", `is not an smtp or smtps URL; ${RELAY_FIX}`],
    ["POSTERN_RELAY", "smtp://relay:99999", `is not an smtp or smtps URL; ${RELAY_FIX}`],
    ["POSTERN_RELAY", "smtp://relay:0", "port `0` does not exist; use 1 to 65535"],
    ["POSTERN_RELAY", "smtp://re%20lay", `names no host; ${RELAY_FIX}`],
    [
      "POSTERN_RELAY",
      "smtp://u:hunter2@relay.example/?tls=insecure",
      `has more than user, host and port; TLS is always verified and there is nothing else to set; ${RELAY_FIX}`,
    ],
    ["POSTERN_RELAY", "smtp://hunter2@relay", `has a user without a password, or the reverse, or a broken \`%\` in them; ${RELAY_FIX}`],
    ["POSTERN_RELAY", "smtp://u:hunter2%0d%0aQUIT@relay", `has control characters in user or password; ${RELAY_FIX}`],
  ])("refuses %s=%s in one line with the way out", (name, value, line) => {
    expect(refusal({ [name]: value })).toEqual([`${name}: ${line}`]);
  });

  it("names a key's form without repeating the key", () => {
    const lines = refusal({ POSTERN_ADMIN_KEY: "hunter2hunter2hunter2", POSTERN_SECRET_KEY: "correct horse" });
    expect(lines).toEqual([
      "POSTERN_ADMIN_KEY: is not `pst_live_` and at least 20 visible characters; make one with `echo pst_live_$(openssl rand -hex 20)`, or unset it",
      "POSTERN_SECRET_KEY: is not 32 bytes in base64; make one with `openssl rand -base64 32`, or unset it",
    ]);
  });

  it("refuses half of a TLS setting", () => {
    expect(refusal({ POSTERN_TLS_KEY: file })).toEqual(["POSTERN_TLS_KEY: is of no use without `POSTERN_TLS_CERT`; set both, or neither"]);
  });

  it("names all problems at once, each with its setting", () => {
    expect(refusal({ POSTERN_SMTP: "x", POSTERN_HTTP: "y", POSTERN_NOPE: "z" })).toHaveLength(3);
  });

  it("knows a Temporal server of one's own by Temporal's environment names", () => {
    expect(loadConfig({ TEMPORAL_ADDRESS: "temporal.example:7233", TEMPORAL_NAMESPACE: "acme" }).temporal).toEqual({ kind: "external" });
    expect(isTemporalExternal({ TEMPORAL_PROFILE: "prod" })).toBe(true);
    expect(isTemporalExternal({ TEMPORAL_ADDRESS: "", TEMPORAL_NAMESPACE: "acme" })).toBe(false);
  });

  it("describes itself without its keys", () => {
    const text = JSON.stringify(describeConfig(loadConfig({ POSTERN_ADMIN_KEY: ADMIN_KEY, POSTERN_SECRET_KEY: SECRET_KEY })));
    expect(text).not.toContain(ADMIN_KEY);
    expect(text).not.toContain(SECRET_KEY);
    expect(text).toContain('"adminKey":"from the environment"');
    expect(text).toContain('"smtp":"127.0.0.1:2525"');
  });

  it("asks a relay for STARTTLS unless it is this machine itself, and prints it without the password", () => {
    const relayOf = (url: string) => loadConfig({ POSTERN_RELAY: url }).relay;
    expect(relayOf("smtp://relay.example")).toEqual({ host: "relay.example", port: 587, security: "starttls", auth: null });
    expect(relayOf("smtp://bücher.example:25")).toMatchObject({ host: "xn--bcher-kva.example", port: 25 });
    for (const host of ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"]) expect(relayOf(`smtp://${host}`)?.security).toBe("none");
    for (const host of ["128.0.0.1", "[::2]", "localhost.example", "127.0.0.1.example"]) {
      expect(relayOf(`smtp://${host}`)?.security).toBe("starttls");
    }
    expect(relayOf("smtps://127.0.0.1")?.security).toBe("tls");
    const text = JSON.stringify(describeConfig(loadConfig({ POSTERN_RELAY: "smtp://agent:hunter2@[2001:db8::1]:25" })));
    expect(text).toContain('"relay":"smtp://agent@[2001:db8::1]:25"');
    expect(text).not.toContain("hunter2");
    expect(describeConfig(loadConfig({}))).toMatchObject({ relay: "the sandbox" });
  });

  it("keeps the rows in another database than its own, and prints it without the password", () => {
    const config = loadConfig({ POSTERN_DATABASE_URL: "postgres://postern:hunter2@db.example/mail?sslmode=verify-full" });
    expect(config.database).toMatchObject({ host: "db.example", port: 5432, password: "hunter2", sslmode: "verify-full" });
    const text = JSON.stringify(describeConfig(config));
    expect(text).toContain('"database":"postgres://postern@db.example:5432/mail?sslmode=verify-full"');
    expect(text).not.toContain("hunter2");
    expect(describeConfig(loadConfig({}))).toMatchObject({ database: "in the data directory" });
  });

  it("reads back every address that it writes", () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(fc.record({ host, port: fc.integer({ min: 1, max: 65_535 }) }), (listen) => {
        expect(loadConfig({ POSTERN_SMTP: formatListen(listen) }).smtp).toEqual(listen);
      }),
    );
  });

  it("answers whatever it is given with a configuration or a refusal, never with another error", () => {
    const names = fc.constantFrom(
      "POSTERN_SMTP",
      "POSTERN_TRUSTED_RELAYS",
      "POSTERN_LIMIT_MESSAGE_SIZE",
      "POSTERN_PUBLIC_URL",
      "POSTERN_RELAY",
      "POSTERN_WEBHOOK_ALLOW",
      "POSTERN_X",
    );
    fc.assert(
      fc.property(fc.dictionary(names, fc.string()), (env) => {
        try {
          loadConfig(env);
        } catch (error) {
          expect(error).toBeInstanceOf(PosternError);
        }
      }),
    );
  });
});
