import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { TemporalPlace } from "../../src/cli/deps.ts";
import { clockCheck, nodeCheck, requireNode } from "../../src/cli/doctor/basics.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { ADMIN_KEY, startRig, type Rig } from "../http/rig.ts";
import { cli, noService, type Ran } from "./rig.ts";

let folder: string;
let rig: Rig;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-doctor-"));
  rig = await startRig();
});
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});
afterAll(async () => {
  await rig.stop();
  await rm(folder, { recursive: true });
});

interface Found {
  readonly name: string;
  readonly status: "ok" | "failed" | "note";
  readonly text: string;
  readonly fix?: string;
}

async function occupied(greeting: string): Promise<string> {
  const server = createServer((socket) => socket.on("error", () => {}).end(greeting));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function freePort(): Promise<string> {
  const address = await occupied("");
  await new Promise((resolve) => servers.pop()?.close(resolve));
  return address;
}

/** A zone, so that no test asks the world. */
async function zoneFile(zone: unknown): Promise<string> {
  const path = join(folder, `zone-${Math.random()}.json`);
  await writeFile(path, typeof zone === "string" ? zone : JSON.stringify(zone));
  return path;
}

async function doctor(
  env: Readonly<Record<string, string>> = {},
  place: TemporalPlace | null = null,
  argv: readonly string[] = ["--json"],
): Promise<Ran> {
  const usual = {
    POSTERN_DATA: join(folder, "data"),
    POSTERN_SMTP: await freePort(),
    POSTERN_HTTP: await freePort(),
    POSTERN_DNS_ZONE: await zoneFile({}),
  };
  return cli(["doctor", ...argv], { env: { ...usual, ...env }, deps: { service: { ...noService, temporalOf: async () => place } } });
}

function found(ran: Ran, name: string): Found {
  const { checks } = ran.json as { readonly checks: readonly Found[] };
  return checks.find((each) => each.name === name) ?? expect.fail(`no check \`${name}\``);
}

describe("X-29 doctor", () => {
  it("is content with an empty machine: one line each, and 0", async () => {
    const ran = await doctor({}, null, []);
    expect(ran.code).toBe(0);
    const lines = ran.out.trimEnd().split("\n");
    expect(lines.map((line) => line.slice(2, 15).trim())).toEqual(["node", "settings", "data", "database", "Temporal", "SMTP port", "HTTP port", "DNS", "domains", "channels", "clock"]); // prettier-ignore
    for (const line of lines) expect(line).toMatch(/^[✓–] /);
  });

  it("names what is wrong with the settings, and goes on without what needs them", async () => {
    const ran = await doctor({ POSTERN_SMPT: "x", POSTERN_HTTP: "nonsense" });
    expect(ran).toMatchObject({ code: 1, json: { ok: false } });
    expect(found(ran, "settings")).toMatchObject({
      status: "failed",
      text: expect.stringMatching(/(POSTERN_HTTP|POSTERN_SMPT): .*(POSTERN_HTTP|POSTERN_SMPT): /) as string,
    });
    expect(found(ran, "clock").status).toBe("ok");
  });

  it("the commands' own variables are no settings of the service", async () => {
    expect((await doctor({ POSTERN_URL: "http://127.0.0.1:1", POSTERN_KEY: "pst_live_x" })).code).toBe(0);
  });

  it("an older Node and a clock that was never set are found", async () => {
    expect(await nodeCheck("22.19.0").run()).toMatchObject({ status: "failed", fix: expect.any(String) as string });
    expect(() => requireNode("22.19.0")).toThrow(expect.objectContaining({ code: "invalid_config" }));
    expect(await clockCheck(() => 0).run()).toMatchObject({ status: "failed", text: "it shows 1970-01-01T00:00:00Z, which is over" });
  });

  it("the database: its schema, one from the future, and what is none", async () => {
    const data = join(folder, "with-database");
    await (await createSqliteStore({ path: join(await madeFolder(data), "postern.db") })).close();
    expect(found(await doctor({ POSTERN_DATA: data }), "database")).toMatchObject({
      status: "ok",
      text: expect.stringMatching(/^schema \d+$/) as string,
    });
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(join(data, "postern.db"));
    database.exec("insert into migrations (number, name) values (999, 'later')");
    database.close();
    expect(found(await doctor({ POSTERN_DATA: data }), "database")).toMatchObject({
      status: "failed",
      text: expect.stringContaining("schema 999") as string,
    });
    await writeFile(join(data, "postern.db"), "this is no database, however long it may be");
    const broken = await doctor({ POSTERN_DATA: data });
    expect(broken.code).toBe(1);
    expect(found(broken, "database")).toMatchObject({ status: "failed", fix: expect.stringContaining("backup") as string });
  });

  it("a port that something else has is found, with the setting to change", async () => {
    const ran = await doctor({ POSTERN_SMTP: await occupied("hello\r\n"), POSTERN_HTTP: await occupied("hello\r\n") });
    expect(ran.code).toBe(1);
    expect(found(ran, "SMTP port")).toMatchObject({ status: "failed", fix: expect.stringContaining("POSTERN_SMTP") as string });
    expect(found(ran, "HTTP port")).toMatchObject({ status: "failed", fix: expect.stringContaining("POSTERN_HTTP") as string });
  });

  it("an address of another machine cannot be listened on", async () => {
    expect(found(await doctor({ POSTERN_SMTP: "192.0.2.1:2525" }), "SMTP port")).toMatchObject({
      status: "failed",
      text: expect.stringContaining("EADDRNOTAVAIL") as string,
    });
  });

  it("ports that Postern answers on are fine, also while it is not ready", async () => {
    const env = { POSTERN_SMTP: await occupied("220 mx.acme.example ESMTP\r\n"), POSTERN_HTTP: new URL(rig.base).host };
    const ready = await doctor(env);
    expect(found(ready, "SMTP port").text).toMatch(/ answers SMTP$/);
    expect(found(ready, "HTTP port")).toMatchObject({ status: "ok", text: expect.stringContaining("Postern 0.0.0-test, ready") as string });
    rig.temporalUp = false;
    const down = found(await doctor(env), "HTTP port");
    rig.temporalUp = true;
    expect(down).toMatchObject({ status: "note", text: expect.stringContaining("temporal unreachable") as string });
  });

  it("Temporal: server version, namespace and search attributes, or the way out", async () => {
    const place = (address: string, namespace: string): TemporalPlace => ({ connection: { address }, namespace, embedded: false });
    const there = found(await doctor({}, place(inject("temporalAddress"), "default")), "Temporal");
    expect(there).toMatchObject({
      status: "ok",
      text: expect.stringMatching(/server 1\.\d+\.\d+.*, namespace `default`, .*search attributes/) as string,
    });
    const other = found(await doctor({}, place(inject("temporalAddress"), "nowhere")), "Temporal");
    expect(other).toMatchObject({ status: "failed", fix: expect.stringContaining("TEMPORAL_NAMESPACE") as string });
    const gone = await doctor({}, place("127.0.0.1:1", "default"));
    expect(gone.code).toBe(1);
    expect(found(gone, "Temporal")).toMatchObject({
      status: "failed",
      text: "127.0.0.1:1 does not answer",
      fix: expect.stringContaining("npm start") as string,
    });
    expect(found(await doctor({}, { ...place("127.0.0.1:1", "default"), embedded: true }), "Temporal").status).toBe("note");
  });

  it("a zone file that cannot be used is found, with the place", async () => {
    expect(found(await doctor({ POSTERN_DNS_ZONE: await zoneFile("{") }), "DNS")).toMatchObject({
      status: "failed",
      text: expect.stringContaining("is not JSON") as string,
    });
    const wrong = found(await doctor({ POSTERN_DNS_ZONE: await zoneFile({ "acme.example": { TXT: "v=spf1" } }) }), "DNS");
    expect(wrong).toMatchObject({ status: "failed", text: expect.stringContaining('zone["acme.example"].TXT') as string });
  });

  it("shows which records the domains of the service have", async () => {
    const { key } = await rig.tenantKey("doctored");
    await rig.mailbox({ key, domain: "whole.example" });
    await rig.mailbox({ key, domain: "half.example" });
    const zone = await zoneFile({
      "whole.example": { MX: [[10, "mx.whole.example"]], TXT: ["other", "v=spf1 -all"] },
      "_domainkey.whole.example": { TXT: [] },
      "_dmarc.whole.example": { TXT: ["v=DMARC1; p=reject"] },
      "half.example": { MX: "TEMPFAIL", TXT: ["v=spf10 -all"] },
    });
    const ran = await doctor({ POSTERN_HTTP: new URL(rig.base).host, POSTERN_KEY: key, POSTERN_DNS_ZONE: zone });
    const { status, text } = found(ran, "domains");
    expect(status).toBe("note");
    expect(text).toContain("whole.example: MX yes, SPF yes, DKIM yes, DMARC yes");
    expect(text).toContain("half.example: MX unknown, SPF no, DKIM no, DMARC no");
  });

  it("MB-15 names the task queues of workflow channels that no worker polls", async () => {
    const { key } = await rig.tenantKey("channelled");
    const env = { POSTERN_HTTP: new URL(rig.base).host, POSTERN_KEY: key };
    const place = { connection: { address: inject("temporalAddress") }, namespace: "default", embedded: false };
    expect(found(await doctor(env, place), "channels")).toMatchObject({ status: "ok", text: "none leads to a workflow" });
    const { id } = await rig.mailbox({ key });
    const task_queue = `nobody-${Math.random()}`;
    const channels = [{ kind: "workflow", type: "agent", task_queue, id_per: "thread" }];
    expect((await rig.call("PATCH", `/v1/mailboxes/${id}`, { key, body: { channels } })).status).toBe(200);
    expect(found(await doctor(env, place), "channels")).toMatchObject({
      status: "note",
      text: `no worker polls \`${task_queue}\` in the namespace \`default\`: mail waits there until one does`,
      fix: expect.stringContaining("postern mailbox channels") as string,
    });
    const gone = { ...place, connection: { address: "127.0.0.1:1" } };
    expect(found(await doctor(env, gone), "channels")).toMatchObject({ status: "note", text: "not looked up: Temporal does not answer" });
    expect(found(await doctor({}, place), "channels").text).toMatch(/^not looked up: no key: POSTERN_KEY is not set/);
    const stranger = { ...env, POSTERN_KEY: "pst_live_of_another_postern" };
    for (const name of ["channels", "domains"]) {
      expect(found(await doctor(stranger, place), name)).toMatchObject({
        status: "note",
        text: expect.stringContaining("this key is not known") as string,
      });
    }
  });

  it("no key appears in what it prints", async () => {
    const secret = "pst_live_canarycanarycanarycanary";
    const ran = await doctor({
      POSTERN_ADMIN_KEY: secret,
      POSTERN_SECRET_KEY: Buffer.alloc(32).toString("base64"),
      POSTERN_KEY: ADMIN_KEY,
    });
    expect(ran.out + ran.err).not.toContain("canary");
    expect(ran.out + ran.err).not.toContain(ADMIN_KEY);
  });
});

async function madeFolder(path: string): Promise<string> {
  const { mkdir } = await import("node:fs/promises");
  await mkdir(path, { recursive: true });
  return path;
}
