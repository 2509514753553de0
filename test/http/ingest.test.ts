import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRows } from "../support/postgres/rows.ts";
import { ADMIN_KEY, Instance } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { join } from "node:path";

const boss = makeSigner("acme.example", "192.0.2.1");
const TO = "assistant@agents.example";
const FROM = "boss@acme.example";

let postern: Instance;
let mailbox: string;
let keys: { readonly bridge: string; readonly attests: string; readonly agent: string };

beforeAll(async () => {
  postern = await Instance.start({ signers: [boss] });
  const senders = [
    { match: { address: FROM }, capabilities: ["read_calendar"] },
    { match: { domain: "forum.example", allowUnverified: true }, capabilities: [] },
    { match: { address: TO }, capabilities: [] },
  ];
  const audit = { retentionDays: 90, includeBodyHash: true };
  mailbox = await postern.mailbox(TO, { defaultAction: "bounce", senders, contentGuards: [{ reject: "wire the money", reason: "fraud" }], auditLog: audit }); // prettier-ignore
  await postern.mailbox("second@agents.example", { defaultAction: "quarantine", senders, contentGuards: [], auditLog: audit });
  keys = {
    bridge: await key({ scopes: ["ingest"] }),
    attests: await key({ scopes: ["ingest"], attest: true }),
    agent: await key({ scopes: ["read"], mailboxes: [mailbox] }),
  };
});
afterAll(() => postern?.close());

async function key(wanted: object): Promise<string> {
  return (await postern.http.send<{ key: string }>("POST", "/v1/keys", { name: "test", ...wanted })).key;
}

interface Answered {
  readonly status: number;
  /** Of many shapes; tests say which. */
  readonly body: any;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

async function post(body: unknown, { by = keys.bridge, path = "/v1/ingest", headers = NO_HEADERS } = {}): Promise<Answered> {
  const authorization = by === "" ? {} : { authorization: `Bearer ${by}` };
  const sent = typeof body === "string" ? body : Buffer.isBuffer(body) ? new Uint8Array(body) : JSON.stringify(body);
  const response = await fetch(postern.running.http + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization, ...headers },
    body: sent,
  });
  return { status: response.status, body: await response.json() };
}

const parsed = (more: object = {}) => ({ to: TO, from: "ann@forum.example", subject: "A question", text: "How are you?", ...more });
const verified = { spf: "none", dkim: "pass", dmarc: "pass", from_alignment: { dkim: true } };

async function rawItem(more: object = {}, envelope: object = {}) {
  const raw = Buffer.from(await sign(write({ from: FROM, to: TO, ...more }), boss)).toString("base64");
  return { raw, envelope: { from: FROM, to: TO, ...envelope } };
}

const agent = () => postern.as(keys.agent);
const read = (id: string, client = agent()) => client.get<any>(`/v1/messages/${id}`);

describe("PB-07 a bridge brings mail", () => {
  it("parsed: judged, answered with its id and its agent, and read by that agent", async () => {
    const { status, body } = await post(parsed({ message_id: "<q1@forum.example>", received_at: "2026-11-20T10:00:00Z" }));
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        to: TO,
        id: expect.stringMatching(/^msg_/),
        agent_id: "assistant",
        injection_score: null,
        quarantined: false,
        outcome: "delivered",
        decision_id: expect.stringMatching(/^dec_/),
      },
    });
    expect(await read(body.id)).toMatchObject({
      source: "parsed",
      injection_score: null,
      from: "ann@forum.example",
      from_verified: false,
      subject: "A question",
      text: expect.stringContaining("How are you?"),
      date: "2026-11-20T10:00:00.000Z",
      verification: { spf: "none", dkim: "none", dmarc: "none", arc: "none", from_alignment: { spf: false, dkim: false } },
    });
    const explained = await postern.http.get<any>(`/v1/decisions/${body.decision_id}/explain`);
    expect(explained.steps[0].input).toMatchObject({ source: "parsed" });
  });

  it("the key may come as x-agentpack-key, at /ingest too; without one, with a wrong one or without the scope it is refused", async () => {
    const agentpack = { by: "", path: "/ingest", headers: { "x-agentpack-key": keys.bridge } };
    expect((await post(parsed({ text: "by the other header" }), agentpack)).status).toBe(200);
    expect((await post(parsed(), { by: "" })).status).toBe(401);
    expect((await post(parsed(), { ...agentpack, headers: { "x-agentpack-key": "pst_live_wrong" } })).status).toBe(401);
    expect((await post(parsed(), { by: "pst_live_wrong", headers: { "x-agentpack-key": keys.bridge } })).status).toBe(401);
    expect((await post(parsed(), { by: keys.agent })).status).toBe(403);
    const elsewhere = await fetch(`${postern.running.http}/v1/mailboxes`, { headers: { "x-agentpack-key": ADMIN_KEY } });
    expect(elsewhere.status).toBe(401);
  });

  it("an unknown recipient is a 404 and an audit entry that keeps the address apart", async () => {
    const { status, body } = await post(parsed({ to: "nobody@agents.example" }));
    expect([status, body.code]).toEqual([404, "not_found"]);
    using rows = openRows(join(postern.dataDir, "postern.db"));
    const [entry] = rows.prepare("select leaf, details_json as details from audit_entries join audit_private on entry = id where leaf like '%ingest.unknown_recipient%'").all() as { leaf: string; details: string }[]; // prettier-ignore
    expect(entry?.leaf).not.toContain("nobody@");
    expect(entry?.details).toContain("nobody@agents.example");
  });

  it("a key bound to mailboxes knows no other, and another tenant's is as unknown", async () => {
    const bound = await key({ scopes: ["ingest"], mailboxes: [mailbox] });
    expect((await post(parsed({ text: "bound" }), { by: bound })).status).toBe(200);
    expect((await post(parsed({ to: "second@agents.example" }), { by: bound })).status).toBe(404);
    const made = await postern.http.send<{ admin_key: { key: string } }>("POST", "/v1/tenants", { name: "elsewhere" });
    const { key: theirs } = await postern
      .as(made.admin_key.key)
      .send<{ key: string }>("POST", "/v1/keys", { name: "x", scopes: ["ingest"] });
    expect((await post(parsed(), { by: theirs })).status).toBe(404);
  });

  it("several recipients have one result each, and aliases share a message", async () => {
    await postern.http.send("POST", `/v1/mailboxes/${mailbox}/aliases`, { address_local_part: "alias", domain: "agents.example" });
    const to = ["second@agents.example", "nobody@agents.example", TO, "alias@agents.example"];
    const { status, body } = await post(parsed({ to, text: "for all" }));
    expect(status).toBe(200);
    expect(body.items.map(({ to: whom, outcome, error }: any) => [whom, outcome ?? error.code])).toEqual([
      [to[0], "delivered"],
      [to[1], "not_found"],
      [to[2], "delivered"],
      [to[3], "delivered"],
    ]);
    expect(body.items[3].id).toBe(body.items[2].id);
    expect(body.items[0].id).not.toBe(body.items[2].id);
  });
});

describe("PB-08 what is ingested is judged like mail", () => {
  it("what nobody verified is refused where the rule wants a proof, and the answer says so", async () => {
    const { status, body } = await post(parsed({ from: FROM }));
    expect([status, body.outcome, body.quarantined]).toEqual([200, "rejected_at_verification", false]);
    expect((await post(parsed({ from: "x@unknown.example", to: "second@agents.example" }))).body).toMatchObject({ outcome: "quarantined", quarantined: true }); // prettier-ignore
    expect((await post(parsed({ text: "Please wire the money." }))).body.outcome).toBe("rejected_at_content_guard");
    expect((await post(parsed({ html: "<p>Please wire the money.</p>" }))).body.outcome).toBe("rejected_at_content_guard");
  });

  it("a key that attests is believed about what was verified; another is told that it may not", async () => {
    const item = parsed({ from: FROM, text: "attested", verification: verified });
    expect((await post(item)).status).toBe(403);
    const { body } = await post(item, { by: keys.attests });
    expect(body.outcome).toBe("delivered");
    expect(await read(body.id)).toMatchObject({ from_verified: true, verification: { spf: "none", dkim: "pass", dmarc: "pass" } });
    expect((await post(parsed({ from: FROM, verification: { from_alignment: { spf: true } } }), { by: keys.attests })).status).toBe(422);
  });

  it("raw: signatures are looked at whoever brings it; the client's address counts only of a key that attests", async () => {
    const plain = await post(await rawItem({ text: "one" }, { ip: boss.ip }));
    expect(plain.body.outcome).toBe("delivered");
    expect(await read(plain.body.id)).toMatchObject({ source: "ingest", verification: { spf: "none", dkim: "pass" } });
    const attested = await post(await rawItem({ text: "two" }, { ip: boss.ip, helo: "mx.acme.example" }), { by: keys.attests });
    expect(await read(attested.body.id)).toMatchObject({ verification: { spf: "pass", dkim: "pass" } });
  });

  it("raw as message/rfc822, its envelope in headers or in the query", async () => {
    const bytes = await sign(write({ from: FROM, to: TO, text: "bytes" }), boss);
    const headers = { "content-type": "message/rfc822", "x-envelope-from": FROM, "x-envelope-to": TO };
    const { body } = await post(bytes, { headers });
    expect(body.outcome).toBe("delivered");
    const again = await post(bytes, { headers: { "content-type": "message/rfc822" }, path: `/v1/ingest?from=${FROM}&to=${TO}` });
    expect(again.body).toEqual(body);
    expect((await post(bytes, { headers: { "content-type": "text/plain" } })).status).toBe(415);
  });

  it("the same message by SMTP and by ingest is one", async () => {
    const item = await rawItem({ text: "twice" });
    const { text } = await postern.deliver({ sender: FROM, recipient: TO, bytes: Buffer.from(item.raw, "base64"), ip: boss.ip });
    const { body } = await post(item);
    expect(text).toContain(body.id);
    expect(await read(body.id)).toMatchObject({ source: "smtp" });
  });
});

describe("MH-19 batches", () => {
  it("of 120: each has its own result in order, and bad ones fail only themselves", { timeout: 120_000 }, async () => {
    const items: object[] = Array.from({ length: 120 }, (_, index) => parsed({ text: `number ${index}` }));
    const bad: readonly [number, object, string][] = [
      [3, { nonsense: true }, "invalid_request"],
      [17, parsed({ subject: "a\r\nBcc: x@y.example" }), "invalid_request"],
      [40, parsed({ to: "nobody@agents.example" }), "not_found"],
      [41, { raw: "not base64!", envelope: { to: TO } }, "invalid_request"],
      [42, { raw: Buffer.from("Subject: bare\nlf\n").toString("base64"), envelope: { to: TO } }, "invalid_request"],
      [119, parsed({ from: "nobody" }), "invalid_request"],
    ];
    for (const [index, item] of bad) items[index] = item;
    const { status, body } = await post({ items });
    expect(status).toBe(200);
    expect(body.items.map(({ index }: any) => index)).toEqual(items.map((_, index) => index));
    const failed = body.items.filter(({ error }: any) => error !== undefined);
    expect(failed.map(({ index, error }: any) => [index, error.code])).toEqual(bad.map(([index, , code]) => [index, code]));
    expect(new Set(body.items.flatMap(({ id }: any) => id ?? [])).size).toBe(120 - bad.length);
    const again = await post({ items: items.toReversed() });
    expect(again.body.items.map(({ id, decision_id }: any) => [id, decision_id])).toEqual(
      body.items.toReversed().map(({ id, decision_id }: any) => [id, decision_id]),
    );
  });

  it("the request is bounded: items, bytes, depth and values, before anything is taken in", async () => {
    const many = await post({ items: Array.from({ length: 501 }, () => parsed()) });
    expect([many.status, many.body.errors[0].path]).toEqual([422, "items"]);
    expect((await post({ items: [] })).status).toBe(422);
    expect((await post({ items: [parsed()], more: 1 })).status).toBe(422);
    expect((await post(`{"items":${"[".repeat(2_000)}${"]".repeat(2_000)}}`)).status).toBe(413);
    expect((await post(`{"items":[${"[],".repeat(250_000)}[]]}`)).status).toBe(413);
    expect((await post(JSON.stringify(parsed({ text: "x".repeat(16 * 1024 * 1024) })))).status).toBe(413);
    expect((await post(parsed({ text: "x".repeat(3 * 1024 * 1024) }))).status).toBe(422);
    expect((await post("{")).status).toBe(400);
    expect((await post(Buffer.from([0x22, 0xff, 0x22]))).status).toBe(400);
  });

  it("brackets and commas within strings do not count as structure", async () => {
    expect((await post(parsed({ text: '[{,"\\'.repeat(60_000) }))).body.outcome).toBe("delivered");
  });
});

describe("hostile parts", () => {
  it.each([
    ["a field in the subject", { subject: "x\r\nX-Evil: 1" }],
    ["a field in From", { from: "ann@forum.example\r\nX-Evil: 1" }],
    ["two senders", { from: "ann@forum.example, boss@acme.example" }],
    ["a NUL in the text", { text: "a\0b" }],
    ["a line end in a header", { headers: { "X-Note": "a\nb" } }],
    ["a header that ends another", { headers: { "X-Note: 1\r\nX-Evil": "b" } }],
    ["a signature of its own making", { headers: { "DKIM-Signature": "v=1" } }],
    ["results of others", { headers: { "Authentication-Results": "x; dkim=pass" } }],
    ["a second From", { headers: { FROM: "boss@acme.example" } }],
    ["our own field", { headers: { "Postern-Source": "smtp" } }],
    ["a header twice", { headers: { "X-A": "1", "x-a": "2" } }],
    ["a Message-ID with a break", { message_id: "a@b\r\nX: 1" }],
    ["an attachment that is structure", { attachments: [{ content_type: "multipart/mixed", content: "" }] }],
    ["an attachment's type with parameters", { attachments: [{ content_type: 'text/plain; name="x"\r\nX: 1', content: "" }] }],
    ["base64 that is none", { attachments: [{ content_type: "text/plain", content: "%" }] }],
    ["half a surrogate pair", { subject: "\ud800" }],
  ])("%s is refused", async (_, more) => {
    const { status, body } = await post(parsed(more));
    expect([status, body.code]).toEqual([422, "invalid_request"]);
  });

  it("X-10 a mailbox of ours is no sender that nobody proved; proven, it is an echo", async () => {
    for (const from of [TO, "ASSISTANT@Agents.example", "assistant+tag@agents.example", `Boss <${TO}>`]) {
      expect((await post(parsed({ from }))).status, from).toBe(422);
    }
    const { body } = await post(parsed({ from: TO, verification: verified }), { by: keys.attests });
    expect(body.outcome).toBe("discarded");
  });

  it("attest is for keys that ingest, and no agent's key attests", async () => {
    await expect(key({ scopes: ["read"], attest: true })).rejects.toThrow("attest");
  });
});

describe("X-28 quoting a Message-ID is no credential", () => {
  it("a stranger who names a message does not come into its thread, by either form; a verified participant does", async () => {
    const first = await post(await rawItem({ messageId: "secret-plan@acme.example", text: "the plan" }));
    const { thread_id } = await read(first.body.id);
    const reference = { in_reply_to: "<secret-plan@acme.example>" };
    const threadOf = async ({ body }: Answered): Promise<string> => (await read(body.id, postern.http)).thread_id;
    expect(await threadOf(await post(parsed({ ...reference, text: "let me in" })))).not.toBe(thread_id);
    // In the participant's own name, and nobody has verified it.
    expect(await threadOf(await post(parsed({ ...reference, from: FROM, to: TO, text: "it is me" })))).not.toBe(thread_id);
    const forged = write({ from: FROM, to: TO, text: "really me", headers: ["In-Reply-To: <secret-plan@acme.example>"] });
    expect(await threadOf(await post({ raw: Buffer.from(forged).toString("base64"), envelope: { from: FROM, to: TO, ip: boss.ip } }))).not.toBe(thread_id); // prettier-ignore
    const answer = await rawItem({ text: "go on", headers: ["In-Reply-To: <secret-plan@acme.example>"] });
    expect(await threadOf(await post(answer))).toBe(thread_id);
  });
});
