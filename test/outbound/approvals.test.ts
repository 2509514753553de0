import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LETTER, OutboundWorld, type Draft, type Mailbox, type Person } from "./world.ts";

let world: OutboundWorld;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  world = await OutboundWorld.open();
  [ann, ben] = [await world.person(["oversight"]), await world.person(["oversight"])];
});
afterAll(() => world?.close());

/** What an auditor reads: the tables themselves, past every door. */
function rows<Row>(query: string, value: string): readonly Row[] {
  using database = new DatabaseSync(join(world.postern.dataDir, "postern.db"), { readOnly: true, timeout: 5000 });
  return database.prepare(query).all(value) as Row[];
}

const attemptsOf = ({ id }: Pick<Draft, "id">) =>
  rows<{ actor: string; result: string }>("select actor, result from attempts where hold = ? order by rowid", id);

/** Attempts that counted for nothing, as the log has them. */
const refusalsOf = ({ message_id }: Pick<Draft, "message_id">) =>
  rows<{ leaf: string }>("select leaf from audit_entries where message = ? order by rowid", message_id)
    .map(({ leaf }) => JSON.parse(leaf) as { action: string; actor: string; facts: { code: string } })
    .filter(({ action }) => action === "hold.attempt_refused");

interface Answered {
  readonly status: number;
  readonly body: any;
}

async function ask(method: string, path: string, key: string, body?: object): Promise<Answered> {
  const response = await world.request(method, path, body, key);
  return { status: response.status, body: await response.json() };
}

const say = (mailbox: Pick<Mailbox, "id">, draft: Pick<Draft, "id">, { key }: Pick<Person, "key">, verdict: object) =>
  ask("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, key, verdict);

const YES = { action: "approve" };

async function waiting(outbound: object = {}): Promise<{ readonly mailbox: Mailbox; readonly draft: Draft }> {
  const mailbox = await world.mailbox("gated_send", outbound);
  return { mailbox, draft: await world.send(mailbox) };
}

const edited = (draft: Pick<Draft, "id">, by: Person, change: object = {}) =>
  ask("POST", `/v1/pending/${draft.id}/edit`, by.key, { ...LETTER, markdown: "Not on Friday.", ...change });

describe("a draft that waits is decided by people", () => {
  it("MM-04 MM-13 approved, it leaves once; whoever comes second is told", async () => {
    const { mailbox, draft } = await waiting();
    expect(await say(mailbox, draft, ann, { ...YES, reason: "fine", content_hash: draft.content_hash })).toEqual({
      status: 200,
      body: { id: draft.id, status: "approved", approvals: 1, quorum: 1, revision: 1 },
    });
    await world.until(mailbox, draft, "sent");
    const again = await say(mailbox, draft, ben, YES);
    expect(again).toMatchObject({ status: 409, body: { code: "already_decided", reason: "already_decided" } });
    expect(attemptsOf(draft).map(({ result }) => result)).toEqual(["accepted", "already_decided"]);
  });

  it("MM-11 rejected with a reason, it never leaves; without one it waits on", async () => {
    const { mailbox, draft } = await waiting();
    expect(await say(mailbox, draft, ann, { action: "reject" })).toMatchObject({ status: 422, body: { reason: "reason_required" } });
    expect(await say(mailbox, draft, ann, { action: "reject", reason: "too soon" })).toMatchObject({ body: { status: "rejected" } });
    expect(await world.ended(draft)).toEqual({ state: "rejected" });
    const { body } = await ask("GET", `/v1/pending/${draft.id}`, ann.key);
    expect(body).toMatchObject({
      status: "rejected",
      attempts: [{ result: "reason_required" }, { result: "accepted", reason: "too soon" }],
    });
  });

  it("X-05 two must agree: the same person twice is one", async () => {
    const { mailbox, draft } = await waiting({ approvals: { quorum: 2 } });
    expect(await say(mailbox, draft, ann, YES)).toMatchObject({ body: { status: "pending_send_approval", approvals: 1, quorum: 2 } });
    expect(await say(mailbox, draft, ann, YES)).toMatchObject({ status: 409, body: { reason: "already_approved" } });
    expect((await ask("GET", `/v1/pending/${draft.id}`, ben.key)).body).toMatchObject({ approved_by: [ann.keyId], quorum: 2 });
    expect(await say(mailbox, draft, ben, YES)).toMatchObject({ body: { status: "approved", approvals: 2 } });
  });

  it("the alias takes the message's id too", async () => {
    const { draft } = await waiting();
    const answer = await ask("POST", "/v1/oversight/decide", ann.key, { email_id: draft.message_id, ...YES });
    expect(answer).toMatchObject({ status: 200, body: { id: draft.id, status: "approved" } });
  });

  it("MM-10 many at once: one result an item, in order", async () => {
    const [first, second, third] = [await waiting(), await waiting(), await waiting()];
    const items = [
      { id: first.draft.id, ...YES },
      { id: second.draft.id, action: "reject" },
      { id: "drf_0000000000000000", ...YES },
      { id: third.draft.id, action: "reject", reason: "no" },
    ];
    const { status, body } = await ask("POST", "/v1/pending/decide", ann.key, { items });
    expect(status).toBe(200);
    expect(body.items).toMatchObject([
      { id: first.draft.id, result: "accepted", status: "approved" },
      { id: second.draft.id, result: "refused", code: "invalid_request", reason: "reason_required" },
      { id: "drf_0000000000000000", result: "refused", code: "not_found" },
      { id: third.draft.id, result: "accepted", status: "rejected" },
    ]);
    const twice = { items: [items[0], items[0]] };
    expect((await ask("POST", "/v1/pending/decide", ann.key, twice)).status).toBe(422);
  });
});

describe("MM-12 an edit", () => {
  it("X-04 is another revision: shown with what changed, stale and missing hashes refused, its editor too", async () => {
    const { mailbox, draft } = await waiting();
    const answer = await edited(draft, ann, { content_hash: draft.content_hash });
    expect(answer).toMatchObject({ status: 200, body: { revision: 2, author: ann.keyId, status: "pending_send_approval" } });
    const { content_hash } = answer.body as Draft;
    expect(content_hash).not.toBe(draft.content_hash);
    const { body } = await ask("GET", `/v1/pending/${draft.id}`, ben.key);
    expect(body.revisions.map(({ number, author }: { number: number; author: string }) => [number, author])).toEqual([
      [1, mailbox.agent.keyId],
      [2, ann.keyId],
    ]);
    expect(body.revisions[1].changes).toEqual(
      expect.arrayContaining([
        { op: "kept", text: "To: boss@elsewhere.example" },
        { op: "removed", text: LETTER.markdown },
        { op: "added", text: "Not on Friday." },
      ]),
    );
    expect(await say(mailbox, draft, ben, YES)).toMatchObject({ status: 409, body: { code: "content_hash_required" } });
    expect(await say(mailbox, draft, ben, { ...YES, content_hash: draft.content_hash })).toMatchObject({
      status: 409,
      body: { code: "content_stale" },
    });
    expect(await say(mailbox, draft, ann, { ...YES, content_hash })).toMatchObject({
      status: 403,
      body: { code: "approval_refused", reason: "own_draft" },
    });
    expect(await say(mailbox, draft, ben, { ...YES, content_hash })).toMatchObject({ body: { status: "approved", revision: 2 } });
    await world.until(mailbox, draft, "sent");
    expect(attemptsOf(draft).map(({ result }) => result)).toEqual([
      "accepted",
      "content_hash_required",
      "content_stale",
      "own_draft",
      "accepted",
    ]);
    const sent = await ask("GET", `/v1/mailboxes/${mailbox.id}/messages?direction=outbound`, mailbox.agent.key);
    expect(sent.body.items).toMatchObject([{ id: draft.message_id, direction: "outbound", outcome: "sent" }]);
  });

  it("that cannot be composed, or that the policy would block, changes nothing", async () => {
    const { mailbox, draft } = await waiting({ block: ["enemy.example"] });
    expect(await edited(draft, ann, { to: ["no address"] })).toMatchObject({ status: 422, body: { errors: [{ path: "to[0]" }] } });
    expect(await edited(draft, ann, { to: ["him@enemy.example"] })).toMatchObject({ status: 422, body: { reason: "invalid_edit" } });
    expect((await world.draft(mailbox, draft)).revision).toBe(1);
  });
});

describe("who does not decide is answered and on record", () => {
  it("X-01 X-04 the author, another agent, a bound key of another mailbox, an admin", async () => {
    const { mailbox, draft } = await waiting();
    const [other, elsewhere] = [await world.person(["read", "send"], [mailbox.id]), await world.mailbox("gated_send")];
    const [bound, admin] = [await world.person(["oversight"], [elsewhere.id]), await world.person(["admin"])];
    const refused = (code: string, reason: string) => ({ status: 403, body: { code, reason } });
    expect(await say(mailbox, draft, mailbox.agent, YES)).toMatchObject(refused("approval_refused", "own_draft"));
    expect(await say(mailbox, draft, other, YES)).toMatchObject(refused("approval_refused", "not_an_approver"));
    expect(await say(mailbox, draft, admin, YES)).toMatchObject(refused("approval_refused", "not_an_approver"));
    expect(await say(mailbox, draft, bound, YES)).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(attemptsOf(draft).map(({ actor, result }) => [actor, result])).toEqual([
      [mailbox.agent.keyId, "own_draft"],
      [other.keyId, "not_an_approver"],
      [admin.keyId, "not_an_approver"],
      [bound.keyId, "not_found"],
    ]);
    expect(refusalsOf(draft).map(({ actor }) => actor)).toEqual([mailbox.agent, other, admin, bound].map(({ keyId }) => `key:${keyId}`));
    expect((await world.draft(mailbox, draft)).status).toBe("pending_send_approval");
  });

  it("MB-18 another tenant's key: nothing of it is there, and the attempt is in that tenant's own log", async () => {
    const { mailbox, draft } = await waiting();
    const { admin_key } = await world.postern.http.send<{ admin_key: { key: string } }>("POST", "/v1/tenants", { name: `t-${draft.id}` });
    const made = await ask("POST", "/v1/keys", admin_key.key, { name: "x", scopes: ["oversight"] });
    const stranger = made.body as { id: string; key: string };
    expect(await say(mailbox, draft, stranger, YES)).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect((await ask("GET", `/v1/pending/${draft.id}`, stranger.key)).status).toBe(404);
    expect(attemptsOf(draft)).toMatchObject([{ actor: stranger.id, result: "not_found" }]);
    expect(refusalsOf(draft)).toEqual([]);
    expect((await ask("GET", `/v1/pending/${draft.id}`, ann.key)).body.attempts).toEqual([]);
  });

  it("X-05 a revoked key is not let in, and stands behind nothing it has said", async () => {
    const gone = await world.person(["oversight"]);
    const { mailbox, draft } = await waiting({ approvals: { quorum: 2 } });
    expect(await say(mailbox, draft, gone, YES)).toMatchObject({ body: { approvals: 1 } });
    await world.request("DELETE", `/v1/keys/${gone.keyId}`, undefined);
    expect(await say(mailbox, draft, gone, YES)).toMatchObject({ status: 401 });
    expect(await say(mailbox, draft, ann, YES)).toMatchObject({ body: { status: "pending_send_approval", approvals: 1 } });
    expect(await say(mailbox, draft, ben, YES)).toMatchObject({ body: { status: "approved" } });
  });

  it("X-02 after its end nobody approves", { timeout: 30_000 }, async () => {
    const { mailbox, draft } = await waiting({ approvals: { expireAfter: "2 s" } });
    expect(await world.ended(draft)).toEqual({ state: "expired" });
    expect(await say(mailbox, draft, ann, YES)).toMatchObject({ status: 409, body: { code: "already_decided" } });
    expect(refusalsOf(draft)).toMatchObject([{ actor: `key:${ann.keyId}`, facts: { code: "already_decided" } }]);
  });

  it("X-06 an agent in a loop is stopped before it fills the log", async () => {
    const { mailbox, draft } = await waiting();
    const answers = await Promise.all(Array.from({ length: 130 }, () => say(mailbox, draft, mailbox.agent, YES)));
    const statuses = new Set(answers.map(({ status }) => status));
    expect([...statuses].toSorted((one, other) => one - other)).toEqual([403, 429]);
    expect(attemptsOf(draft).length).toBeLessThanOrEqual(120);
  });
});

describe("MM-10 what waits", () => {
  it("is listed in both directions, filtered, and only to whom it concerns", async () => {
    const { mailbox, draft } = await waiting();
    const bound = await world.person(["oversight"], [mailbox.id]);
    const list = async (query: string, key = bound.key) => (await ask("GET", `/v1/pending?${query}`, key)).body.items as { id: string }[];
    expect(await list("")).toMatchObject([
      { id: draft.id, direction: "outbound", status: "pending_send_approval", reason: "mode_gated_send" },
    ]);
    expect(await list("direction=inbound")).toEqual([]);
    expect(await list(`mailbox_id=${mailbox.id}`, ann.key)).toMatchObject([{ id: draft.id }]);
    await say(mailbox, draft, bound, YES);
    expect(await list("")).toEqual([]);
    expect(await list("status=approved")).toMatchObject([{ id: draft.id }]);
    const elsewhere = await world.mailbox("gated_send");
    expect((await ask("GET", `/v1/pending?mailbox_id=${elsewhere.id}`, bound.key)).status).toBe(404);
  });

  it("X-13 is shown whole: what is not seen spelled out, where links lead, secrets with a piece of them, Bcc too", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox, {
      bcc: ["auditor@elsewhere.example"],
      markdown: "Pay\u200b here: [https://bank.example](https://thief.example/x)\n\nAKIAQ3EGXVLZ7MNBWRTP",
    });
    const { body } = await ask("GET", `/v1/pending/${draft.id}`, ann.key);
    expect(body).toMatchObject({
      id: draft.id,
      content_hash: draft.content_hash,
      recipients: [
        { kind: "to", address: "boss@elsewhere.example" },
        { kind: "bcc", address: "auditor@elsewhere.example" },
      ],
      decision: { id: draft.decision_id, outcome: "pending_send_approval" },
      tainted: false,
      new_domains: ["elsewhere.example"],
    });
    expect(body.content.text).toContain("Pay⟦U+200B⟧ here");
    expect(body.content.links).toMatchObject([{ href: "https://thief.example/x", differs: true }]);
    const seen = { guard: "secrets", code: "aws_key", redacted: "AKIA••••" };
    expect(body.findings).toMatchObject([
      { ...seen, where: "text" },
      { ...seen, where: "html" },
    ]);
    expect(JSON.stringify(body.findings)).not.toContain("AKIAQ3EGXVLZ7MNBWRTP");
    const explained = await ask("GET", `/v1/decisions/${draft.decision_id}/explain`, ann.key);
    const steps = explained.body.steps as { step: string; result: string }[];
    expect(steps.filter(({ result }) => result === "decided").map(({ step }) => step)).toEqual(["outbound_guards"]);
    expect(steps.find(({ step }) => step === "first_contact")?.result).toBe("not_reached");
  });

  it("X-14 is nothing an agent's key lists or reads", async () => {
    const { mailbox, draft } = await waiting();
    expect((await ask("GET", "/v1/pending", mailbox.agent.key)).status).toBe(403);
    expect((await ask("GET", `/v1/pending/${draft.id}`, mailbox.agent.key)).status).toBe(403);
  });
});

it("PB-19 PB-20 who is suppressed is not written to, until that ends", async () => {
  const mailbox = await world.mailbox("autonomous");
  const made = await ask("POST", "/v1/suppressions", ann.key, { address: "Gone@Nowhere.example", reason: "HardBounce" });
  expect(made).toMatchObject({ status: 201, body: { address: "gone@nowhere.example", ended_at: null } });
  const days = (Date.parse(made.body.expires_at as string) - Date.parse(made.body.created_at as string)) / 86_400_000;
  expect(days).toBe(30);
  const send = () => ask("POST", `/v1/mailboxes/${mailbox.id}/send`, mailbox.agent.key, { ...LETTER, to: ["GONE@nowhere.example"] });
  const refused = await send();
  expect(refused).toMatchObject({ status: 403, body: { code: "blocked", reason: "suppressed" } });
  expect((await ask("GET", "/v1/suppressions?address=gone@nowhere.example", ann.key)).body.items).toMatchObject([{ id: made.body.id }]);
  expect((await ask("DELETE", `/v1/suppressions/${made.body.id}`, ann.key)).body.ended_at).not.toBeNull();
  expect((await send()).status).toBe(200);
  expect((await ask("POST", "/v1/suppressions", ann.key, { address: "nobody" })).status).toBe(422);
  const past = { address: "a@b.example", expires_at: "2020-01-01T00:00:00Z" };
  expect((await ask("POST", "/v1/suppressions", ann.key, past)).status).toBe(422);
});

it("MB-13 an attachment of megabytes goes through the door and leaves", { timeout: 30_000 }, async () => {
  const mailbox = await world.mailbox("autonomous");
  const content = Buffer.alloc(3 * 1024 * 1024, 7).toString("base64");
  const attachments = [{ filename: "plan.bin", content_type: "application/octet-stream", content }];
  const draft = await world.send(mailbox, { attachments });
  expect(await world.until(mailbox, draft, "sent", "failed")).toMatchObject({ status: "sent" });
});
