import { createPrivateKey, createPublicKey } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openDkimKey } from "../../src/grants/dkim-key.ts";
import { startRig, type Answer, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
beforeEach(() => {
  rig.zone = {};
});
afterAll(() => rig.stop());

interface Record {
  readonly purpose: string;
  readonly name: string;
  readonly value: string;
  readonly status?: string;
}

const add = (domain: string, key?: string) => rig.call("POST", "/v1/domains", { body: { domain }, ...(key === undefined ? {} : { key }) });
const verify = (domain: string) => rig.call("POST", `/v1/domains/${domain}/verify`);
const rotate = (domain: string) => rig.call("POST", `/v1/domains/${domain}/rotate`);
const activate = (domain: string) => rig.call("POST", `/v1/domains/${domain}/activate`);
const show = (domain: string) => rig.call("GET", `/v1/domains/${domain}`);

const recordsOf = (answer: Answer, purpose: string) => (answer.body.records as Record[]).filter((record) => record.purpose === purpose);
const statuses = (answer: Answer) => (answer.body.records as Record[]).map(({ purpose, status }) => `${purpose} ${status}`);

function publish(records: readonly Record[]): void {
  rig.zone = { ...rig.zone, ...Object.fromEntries(records.map(({ name, value }) => [name, { TXT: [value] }])) };
}

describe("domains", () => {
  it("MB-19 PB-01 a claim answers with the records to publish, and is not verified", async () => {
    const made = await add("BÜCHER.example");
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      domain: "xn--bcher-kva.example",
      state: "unverified",
      checked_at: null,
      keys: [{ state: "active", selector: expect.stringMatching(/^pst/) as string }],
    });
    expect(recordsOf(made, "dkim")[0]).toMatchObject({ name: `${made.body.keys[0].selector}._domainkey.xn--bcher-kva.example` });
    expect(recordsOf(made, "spf")[0]?.value).toBe("v=spf1 a:postern.test -all");
    expect(recordsOf(made, "dmarc")[0]?.name).toBe("_dmarc.xn--bcher-kva.example");
    expect(made.text).not.toMatch(/PRIVATE|sealed/);
    const again = await add("bücher.example");
    expect([again.status, again.body]).toEqual([200, made.body]);
    expect((await show("bücher.example")).body).toEqual(made.body);
  });

  it("PB-01 the key that is published is the pair of the one that is kept sealed", async () => {
    const made = await add("kept.example");
    const row = await rig.store.run("domains.get", { tenant: rig.tenant, domain: "kept.example" });
    const kept = createPublicKey(createPrivateKey(openDkimKey(rig.deps.sealer, "kept.example", row!.keys[0]!)));
    expect(recordsOf(made, "dkim")[0]?.value).toBe(`v=DKIM1; k=rsa; p=${kept.export({ type: "spki", format: "der" }).toString("base64")}`);
  });

  it("MB-19 becomes verified only when DNS shows the key, and not any more when it shows another", async () => {
    const made = await add("verified.example");
    const before = await verify("verified.example");
    expect(before.body).toMatchObject({ state: "unverified", checked_at: new Date(rig.now).toISOString() });
    expect(statuses(before)).toEqual(["dkim missing", "spf missing", "dmarc missing"]);
    publish([...recordsOf(made, "spf"), ...recordsOf(made, "dmarc")]);
    expect((await verify("verified.example")).body.state).toBe("unverified");
    publish(recordsOf(made, "dkim"));
    const after = await verify("verified.example");
    expect(after.body).toMatchObject({ state: "verified" });
    expect(statuses(after)).toEqual(["dkim ok", "spf ok", "dmarc ok"]);
    expect((await show("verified.example")).body.state).toBe("verified");
    const { name } = recordsOf(made, "dkim")[0]!;
    rig.zone = { [name]: { TXT: "TEMPFAIL" } };
    const dark = await verify("verified.example");
    expect([dark.body.state, statuses(dark)[0]]).toEqual(["verified", "dkim unknown"]);
    rig.zone = { [name]: { TXT: ["v=DKIM1; p=MIIBsomebodyelses"] } };
    const lost = await verify("verified.example");
    expect([lost.body.state, statuses(lost)[0]]).toEqual(["unverified", "dkim differs"]);
    expect(lost.body.records[0].found).toEqual(["v=DKIM1; p=MIIBsomebodyelses"]);
  });

  it("PB-01 a key is rotated without a moment in which nobody can check the mail", async () => {
    const made = await add("rotated.example");
    expect((await activate("rotated.example")).body).toMatchObject({ status: 409, fix: expect.stringContaining("rotate") as string });
    rig.now += 1_000;
    const next = await rotate("rotated.example");
    expect(next.body.keys.map(({ state }: { state: string }) => state).sort()).toEqual(["active", "next"]);
    expect(recordsOf(next, "dkim")).toHaveLength(2);
    expect((await rotate("rotated.example")).body).toEqual(next.body);
    publish(recordsOf(made, "dkim"));
    const early = await activate("rotated.example");
    expect(early.body).toMatchObject({ status: 409, code: "conflict", fix: expect.stringContaining("publish") as string });
    publish(recordsOf(next, "dkim"));
    const done = await activate("rotated.example");
    expect(done.status).toBe(200);
    const [newest, oldest] = done.body.keys;
    expect([newest.state, oldest.state, oldest.id]).toEqual(["active", "retired", made.body.keys[0].id]);
    expect(recordsOf(done, "dkim").map(({ name }) => name)).toEqual([`${newest.selector}._domainkey.rotated.example`]);
    expect((await verify("rotated.example")).body.state).toBe("verified");
  });

  it("while DNS does not answer, a key is not activated and the caller is asked to come again", async () => {
    await add("dark.example");
    const next = await rotate("dark.example");
    rig.zone = Object.fromEntries(recordsOf(next, "dkim").map(({ name }) => [name, { TXT: "TEMPFAIL" as const }]));
    const answer = await activate("dark.example");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
  });

  it("the short names do the same", async () => {
    const made = await rig.call("POST", "/api/domains/add", { body: { domain: "short.example" } });
    expect(made.status).toBe(201);
    publish(recordsOf(made, "dkim"));
    expect((await rig.call("POST", "/api/domains/short.example/verify")).body).toMatchObject({ state: "verified" });
  });

  it("a domain that came with a mailbox has no key before it is claimed", async () => {
    await rig.mailbox({ domain: "local.example" });
    expect((await show("local.example")).body).toMatchObject({ state: "local", keys: [] });
    expect((await verify("local.example")).body).toMatchObject({ status: 409, fix: expect.stringContaining("/v1/domains") as string });
    expect((await add("local.example")).status).toBe(201);
    expect((await show("local.example")).body).toMatchObject({ state: "unverified", keys: [{ state: "active" }] });
  });

  it("MB-18 another tenant's domain is taken, and a 404 in every other way", async () => {
    await add("owned.example");
    const { key } = await rig.tenantKey("domain-stranger");
    const taken = await add("owned.example", key);
    expect(taken.body).toMatchObject({ status: 409, code: "conflict", detail: "the domain is taken" });
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/verify"],
      ["POST", "/rotate"],
      ["POST", "/activate"],
    ] as const)
      expect((await rig.call(method, `/v1/domains/owned.example${path}`, { key })).body).toMatchObject({ status: 404, code: "not_found" });
    expect((await rig.call("GET", "/v1/domains", { key })).body.items).toEqual([]);
  });

  it("are listed newest first, page by page", async () => {
    const { key } = await rig.tenantKey("domain-lister");
    for (const domain of ["one.example.org", "two.example.org", "three.example.org"]) {
      rig.now += 1_000;
      await add(domain, key);
    }
    const first = await rig.call("GET", "/v1/domains?limit=2", { key });
    const second = await rig.call("GET", `/v1/domains?limit=2&cursor=${first.body.next_cursor}`, { key });
    const names = [...first.body.items, ...second.body.items].map(({ domain }: { domain: string }) => domain);
    expect(names).toEqual(["three.example.org", "two.example.org", "one.example.org"]);
    expect(second.body.next_cursor).toBeNull();
  });

  it.each(["localhost", "", "a b.example", "a..example", "192.0.2.1", "-a.example", "a@b.example", "x".repeat(254)])(
    "%s is a 422",
    async (domain) => {
      expect((await add(domain)).status).toBe(422);
    },
  );

  it("X-01 only an admin's key that is not bound to mailboxes may", async () => {
    const { id } = await rig.mailbox({ domain: "bound.example" });
    for (const key of [await rig.key(["read", "send"]), await rig.key(["oversight"]), await rig.key(["admin"], [id])]) {
      expect((await add("nobodys.example", key)).status).toBe(403);
      expect((await rig.call("GET", "/v1/domains", { key })).status).toBe(403);
      expect((await rig.call("POST", "/v1/domains/bound.example/rotate", { key })).status).toBe(403);
    }
  });
});
