import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ADMIN_KEY, startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

describe("keys at the door", () => {
  it.each([
    ["none", null],
    ["an unknown one", "pst_live_00000000000000000000000000000000"],
    ["one far too long", "x".repeat(500)],
  ])("%s is a 401 with WWW-Authenticate", async (_, key) => {
    const answer = await rig.call("GET", "/v1/mailboxes", { key });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="postern"');
    expect(answer.body).toMatchObject({ code: "unauthorized", status: 401 });
  });

  it("a key under another scheme is no key", async () => {
    const answer = await rig.call("GET", "/v1/mailboxes", { key: null, headers: { authorization: `Basic ${ADMIN_KEY}` } });
    expect(answer.status).toBe(401);
  });

  it("a revoked key is not known from the next request on; revoking twice is fine", async () => {
    const made = await rig.call("POST", "/v1/keys", { body: { name: "short-lived", scopes: ["read"] } });
    expect((await rig.call("GET", "/v1/mailboxes", { key: made.body.key })).status).toBe(200);
    for (const _ of [1, 2]) expect((await rig.call("DELETE", `/v1/keys/${made.body.id}`)).status).toBe(204);
    expect((await rig.call("GET", "/v1/mailboxes", { key: made.body.key })).status).toBe(401);
  });

  it("without a key nobody learns whether a request was well-formed", async () => {
    expect((await rig.call("POST", "/v1/keys", { key: null, body: { wrong: true } })).status).toBe(401);
    expect((await rig.call("POST", "/v1/keys", { key: await rig.key(["read"]), body: { wrong: true } })).status).toBe(403);
  });
});

describe("making keys", () => {
  it("a key is shown once, with its mask", async () => {
    const made = await rig.call("POST", "/v1/keys", { body: { name: "reader", scopes: ["read"] } });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ name: "reader", scopes: ["read"], mailboxes: null });
    expect(made.body.key).toMatch(/^pst_live_[0-9a-hjkmnp-tv-z]{32}$/);
    expect(made.body.masked).toBe(`pst_live_…${made.body.key.slice(-3)}`);
  });

  it("X-01 keys are listed newest first with whose they are and what they may, revoked ones too, and never a key", async () => {
    const { key: admin } = await rig.tenantKey("lists-its-keys");
    const { id: mailbox } = await rig.mailbox({ key: admin, domain: "lists.example" });
    const make = (body: object) => rig.call("POST", "/v1/keys", { key: admin, body });
    rig.now += 1_000;
    const agent = (await make({ name: "agent", scopes: ["read"], mailboxes: [mailbox] })).body;
    rig.now += 1_000;
    const bridge = (await make({ name: "bridge", scopes: ["ingest"], attest: true })).body;
    await rig.call("DELETE", `/v1/keys/${agent.id}`, { key: admin });
    const first = await rig.call("GET", "/v1/keys?limit=2", { key: admin });
    const revoked_at = new Date(rig.now).toISOString();
    const [{ key: ofBridge, ...bridges }, { key: ofAgent, ...agents }] = [bridge, agent];
    expect(first.body.items).toEqual([
      { ...bridges, revoked_at: null },
      { ...agents, revoked_at },
    ]);
    const rest = await rig.call("GET", `/v1/keys?cursor=${first.body.next_cursor}`, { key: admin });
    expect(rest.body).toMatchObject({ items: [{ scopes: expect.arrayContaining(["admin"]) as string[] }], next_cursor: null });
    for (const secret of [ofAgent, ofBridge, admin]) expect(first.text + rest.text).not.toContain(secret);
    const bound = await rig.key(["admin"], [mailbox], admin);
    expect((await rig.call("GET", "/v1/keys", { key: bound })).status).toBe(403);
  });

  it("X-01 `send` and `oversight` on one key is refused", async () => {
    const answer = await rig.call("POST", "/v1/keys", { body: { name: "both", scopes: ["send", "oversight"] } });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: "invalid_request", errors: [{ path: "scopes" }] });
  });

  it("an admin who is no operator makes no operator keys", async () => {
    const { key } = await rig.tenantKey("keys-of-a-tenant");
    const answer = await rig.call("POST", "/v1/keys", { key, body: { name: "up", scopes: ["operator"] } });
    expect(answer.status).toBe(403);
  });

  it("MB-18 a key is not bound to a mailbox that is not there, nor revoked by another tenant", async () => {
    const { key } = await rig.tenantKey("stranger-to-keys");
    const { id } = await rig.mailbox();
    expect((await rig.call("POST", "/v1/keys", { key, body: { name: "x", scopes: ["read"], mailboxes: [id] } })).status).toBe(404);
    const made = await rig.call("POST", "/v1/keys", { body: { name: "mine", scopes: ["read"] } });
    expect((await rig.call("DELETE", `/v1/keys/${made.body.id}`, { key })).status).toBe(404);
    expect((await rig.call("GET", "/v1/mailboxes", { key: made.body.key })).status).toBe(200);
  });

  it("a bound admin key stays within its mailboxes", async () => {
    const [own, other] = [await rig.mailbox(), await rig.mailbox()];
    const bound = await rig.key(["admin"], [own.id]);
    expect((await rig.call("POST", "/v1/keys", { key: bound, body: { name: "x", scopes: ["read"], mailboxes: [other.id] } })).status).toBe(
      404,
    );
    const inherited = await rig.call("POST", "/v1/keys", { key: bound, body: { name: "x", scopes: ["read"] } });
    expect(inherited.body.mailboxes).toEqual([own.id]);
    const create = { address_local_part: "more", domain: "acme.example", agent_id: "a" };
    expect((await rig.call("POST", "/v1/mailboxes", { key: bound, body: create })).status).toBe(403);
    expect((await rig.call("DELETE", `/v1/keys/${inherited.body.id}`, { key: bound })).status).toBe(403);
  });

  it.each([
    ["an unknown scope", { name: "x", scopes: ["root"] }],
    ["no scope", { name: "x", scopes: [] }],
    ["no name", { scopes: ["read"] }],
    ["an empty list of mailboxes", { name: "x", scopes: ["read"], mailboxes: [] }],
    ["an unknown member", { name: "x", scopes: ["read"], tenant: "ten_x" }],
  ])("%s is a 422", async (_, body) => {
    expect((await rig.call("POST", "/v1/keys", { body })).status).toBe(422);
  });
});

describe("tenants", () => {
  it("the operator makes a tenant with its first key, which works and is no operator's", async () => {
    const made = await rig.call("POST", "/v1/tenants", { body: { name: "beta" } });
    expect(made.status).toBe(201);
    const { key } = made.body.admin_key;
    expect((await rig.call("GET", "/v1/mailboxes", { key })).body).toEqual({ items: [], next_cursor: null });
    expect((await rig.call("POST", "/v1/tenants", { key, body: { name: "gamma" } })).status).toBe(403);
  });

  it("a name is taken once", async () => {
    expect((await rig.call("POST", "/v1/tenants", { body: { name: "twice" } })).status).toBe(201);
    expect((await rig.call("POST", "/v1/tenants", { body: { name: "twice" } })).body).toMatchObject({ status: 409, code: "conflict" });
  });
});

/** Who is admitted where; everybody else gets 403. */
const SCOPE_TABLE: readonly (readonly [string, string, readonly string[]])[] = [
  ["POST", "/v1/mailboxes", ["admin"]],
  ["POST", "/alloc", ["admin"]],
  ["POST", "/postbox/alloc", ["admin"]],
  ["GET", "/v1/mailboxes", ["read", "oversight", "admin"]],
  ["GET", "/v1/mailboxes/x", ["read", "oversight", "admin"]],
  ["POST", "/v1/mailboxes/x/aliases", ["admin"]],
  ["PUT", "/v1/mailboxes/x/policy", ["admin"]],
  ["GET", "/v1/mailboxes/x/policy", ["oversight", "admin"]],
  ["GET", "/v1/mailboxes/x/messages", ["read", "oversight", "admin"]],
  ["GET", "/v1/mailboxes/x/wait", ["read", "oversight", "admin"]],
  ["GET", "/v1/mailboxes/x/decisions", ["oversight", "admin"]],
  ["GET", "/v1/messages/x", ["read", "oversight", "admin"]],
  ["GET", "/v1/messages/x/raw", ["read", "oversight", "admin"]],
  ["POST", "/v1/messages/x/usage", ["read", "admin"]],
  ["POST", "/v1/messages/x/release", ["oversight", "admin"]],
  ["POST", "/v1/messages/x/discard", ["oversight", "admin"]],
  ["POST", "/v1/mailboxes/x/send", ["send"]],
  ["POST", "/v1/messages/x/reply", ["send"]],
  ["GET", "/v1/mailboxes/x/drafts", ["read", "send", "oversight", "admin"]],
  ["GET", "/v1/drafts/x", ["read", "send", "oversight", "admin"]],
  ["DELETE", "/v1/drafts/x", ["send", "admin"]],
  ["PATCH", "/v1/mailboxes/x", ["admin"]],
  ["POST", "/v1/mailboxes/x/mode-code", ["operator"]],
  ["POST", "/v1/mailboxes/x/stop", ["oversight", "admin"]],
  ["POST", "/v1/mailboxes/x/start", ["oversight", "admin"]],
  ["POST", "/v1/agents/{agent_id}/stop", ["oversight", "admin"]],
  ["POST", "/v1/agents/{agent_id}/start", ["oversight", "admin"]],
  ["POST", "/v1/stop", ["oversight", "admin"]],
  ["POST", "/v1/start", ["oversight", "admin"]],
  ["GET", "/v1/stops", ["read", "oversight", "admin"]],
  ["GET", "/v1/pending", ["oversight", "admin"]],
  ["GET", "/v1/pending/x", ["oversight", "admin"]],
  ["POST", "/v1/pending/x/edit", ["oversight"]],
  ["POST", "/v1/pending/x/token", ["oversight", "admin"]],
  ["POST", "/v1/pending/decide", ["oversight", "admin"]],
  ["POST", "/v1/mailboxes/x/decide/{email_id}", ["read", "send", "oversight", "admin"]],
  ["POST", "/v1/oversight/decide", ["read", "send", "oversight", "admin"]],
  ["POST", "/v1/suppressions", ["oversight", "admin"]],
  ["GET", "/v1/suppressions", ["oversight", "admin"]],
  ["DELETE", "/v1/suppressions/x", ["oversight", "admin"]],
  ["GET", "/v1/domains", ["admin"]],
  ["GET", "/v1/domains/{domain}", ["admin"]],
  ["POST", "/v1/domains", ["admin"]],
  ["POST", "/v1/domains/{domain}/verify", ["admin"]],
  ["POST", "/v1/domains/{domain}/rotate", ["admin"]],
  ["POST", "/v1/domains/{domain}/activate", ["admin"]],
  ["POST", "/api/domains/add", ["admin"]],
  ["POST", "/api/domains/{domain}/verify", ["admin"]],
  ["GET", "/v1/sink", ["oversight", "admin"]],
  ["GET", "/v1/sink/x", ["oversight", "admin"]],
  ["GET", "/v1/sink/x/raw", ["oversight", "admin"]],
  ["GET", "/v1/decisions/x/explain", ["oversight", "admin"]],
  ["GET", "/v1/audit", ["admin"]],
  ["POST", "/v1/grants/check", ["read", "send", "oversight", "admin"]],
  ["POST", "/ingest", ["ingest"]],
  ["POST", "/v1/ingest", ["ingest"]],
  ["POST", "/v1/keys", ["admin"]],
  ["GET", "/v1/keys", ["admin"]],
  ["DELETE", "/v1/keys/x", ["admin"]],
  ["POST", "/v1/tenants", ["operator"]],
  ["GET", "/v1/mailboxes/x/stream", ["read", "oversight", "admin"]],
  ["GET", "/v1/mailboxes/x/deliveries", ["oversight", "admin"]],
  ["POST", "/v1/mailboxes/x/deliveries/{delivery}/replay", ["admin"]],
  ["POST", "/v1/webhooks", ["admin"]],
  ["GET", "/v1/webhooks", ["admin"]],
  ["GET", "/v1/webhooks/x", ["admin"]],
  ["DELETE", "/v1/webhooks/x", ["admin"]],
  ["GET", "/v1/webhooks/x/deliveries", ["oversight", "admin"]],
  ["POST", "/v1/webhooks/x/deliveries/{delivery}/replay", ["admin"]],
  ["POST", "/v1/webhooks/x/rotate", ["admin"]],
  ["POST", "/v1/webhooks/x/test", ["admin"]],
  ["POST", "/webhook/register", ["admin"]],
  ["POST", "/webhook/rotate", ["admin"]],
  ["POST", "/postbox/webhook/register", ["admin"]],
  ["POST", "/postbox/webhook/rotate", ["admin"]],
];

describe("scopes", () => {
  const scopes = ["read", "send", "oversight", "ingest", "admin", "operator"] as const;
  const keys = new Map<string, string>();
  beforeAll(async () => {
    for (const scope of scopes) keys.set(scope, await rig.key([scope]));
  });

  it.each(SCOPE_TABLE)(
    "%s %s admits exactly the named scopes (X-14: no agent reads a policy or a decision)",
    async (method, path, admitted) => {
      for (const scope of scopes) {
        const { status } = await rig.call(method, path, {
          key: keys.get(scope) ?? "",
          ...(method === "GET" || method === "DELETE" ? {} : { body: {} }),
        });
        expect(status === 403, `${scope}: ${status}`).toBe(!admitted.includes(scope));
        expect(status).not.toBe(500);
      }
    },
  );

  it("the table names every route that needs a key", async () => {
    const { body } = await rig.call("GET", "/openapi.json", { key: null });
    const guarded = Object.entries(body.paths as Record<string, Record<string, { security?: unknown[] }>>).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([, operation]) => (operation.security ?? []).length > 0)
        .map(([method]) => `${method.toUpperCase()} ${path.replace("{id}", "x")}`),
    );
    expect(guarded.sort()).toEqual(SCOPE_TABLE.map(([method, path]) => `${method} ${path}`).sort());
  });
});
