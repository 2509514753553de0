import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MailboxId } from "../../src/model/ids.ts";
import { HIDDEN, startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId; address: string };
let agent: string;
beforeAll(async () => {
  rig = await startRig();
  box = await rig.mailbox();
  agent = await rig.key(["read"], [box.id]);
});
afterAll(() => rig.stop());

const UNSEEN = ["held", "quarantined", "rejected_at_policy", "rejected_at_content_guard", "discarded"] as const;

describe("reading", () => {
  it("MB-15 MB-05 an agent gets who wrote, what, when, the verification and its capabilities", async () => {
    const id = await rig.message({ mailbox: box.id, capabilities: ["read_calendar", "propose_meeting"] });
    const { status, body } = await rig.call("GET", `/v1/messages/${id}`, { key: agent });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id,
      mailbox_id: box.id,
      direction: "inbound",
      outcome: "delivered",
      from: "boss@acme.example",
      from_verified: true,
      to: ["assistant@acme.example"],
      cc: [],
      subject: "Lunch?",
      text: "Shall we have lunch?",
      received_at: "2026-11-21T10:00:00.000Z",
      verification: { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } },
      capabilities: ["read_calendar", "propose_meeting"],
      automatic: false,
      attachments: [],
      tokens_reserved: 120,
      tokens_consumed: null,
    });
    expect(body.thread_id).toMatch(/^thr_/);
    expect(body.grant.split(".")).toHaveLength(3);
  });

  it("X-13 hidden text is for people, the grant for the agent", async () => {
    const id = await rig.message({ mailbox: box.id });
    const forAgent = await rig.call("GET", `/v1/messages/${id}`, { key: agent });
    expect(forAgent.text).not.toContain(HIDDEN);
    expect(forAgent.body).not.toHaveProperty("html_text");
    const forPeople = await rig.call("GET", `/v1/messages/${id}`);
    expect(forPeople.body).toMatchObject({ hidden_text: [HIDDEN], grant: null });
  });

  it.each(UNSEEN)("MB-01 X-14 a message that is %s is a 404 for an agent's key on every route, and there for people", async (outcome) => {
    const id = await rig.message({ mailbox: box.id, outcome, capabilities: ["mail.raw"] });
    for (const path of ["", "/raw"]) expect((await rig.call("GET", `/v1/messages/${id}${path}`, { key: agent })).status).toBe(404);
    expect((await rig.call("POST", `/v1/messages/${id}/usage`, { key: agent, body: { tokens_consumed: 1 } })).status).toBe(404);
    const listed = await rig.call("GET", `/v1/mailboxes/${box.id}/messages?limit=200`, { key: agent });
    expect(listed.text).not.toContain(id);
    const filtered = await rig.call("GET", `/v1/mailboxes/${box.id}/messages?outcome=${outcome}`, { key: agent });
    expect(filtered.body.items).toEqual([]);
    expect((await rig.call("GET", `/v1/messages/${id}`)).body).toMatchObject({ id, outcome });
  });

  it("people still see what a message was when its bytes are gone", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "rejected_at_policy", kept: false });
    expect((await rig.call("GET", `/v1/messages/${id}`)).body).toMatchObject({ id, subject: "Lunch?", text: null });
    expect((await rig.call("GET", `/v1/messages/${id}/raw`)).body).toMatchObject({ status: 404, code: "not_found" });
  });

  it("a key bound to another mailbox sees nothing of this one", async () => {
    const id = await rig.message({ mailbox: box.id });
    const other = await rig.key(["read"], [(await rig.mailbox()).id]);
    for (const path of [
      `/v1/messages/${id}`,
      `/v1/mailboxes/${box.id}`,
      `/v1/mailboxes/${box.id}/messages`,
      `/v1/mailboxes/${box.id}/wait?timeout_s=0`,
    ]) {
      expect((await rig.call("GET", path, { key: other })).status, path).toBe(404);
    }
    const listed = await rig.call("GET", "/v1/mailboxes", { key: other });
    expect(listed.body.items).toHaveLength(1);
  });

  it.each(["msg_short", "nonsense", "msg_1h3k5m7p9r1t3w5y7z9b1d3f", "%00", "..%2f..%2fetc"])("the id %s is a 404", async (id) => {
    expect((await rig.call("GET", `/v1/messages/${id}`)).body).toMatchObject({ status: 404, code: "not_found" });
  });
});

describe("raw bytes", () => {
  it("PB-09 come back byte for byte, as something no browser shows", async () => {
    const id = await rig.message({ mailbox: box.id, text: "bytes\u00e9\u0000 end" });
    const response = await fetch(`${rig.base}/v1/messages/${id}/raw`, { headers: { authorization: `Bearer ${await rig.key(["admin"])}` } });
    const { body: message } = await rig.call("GET", `/v1/messages/${id}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(bytes).toEqual(await rig.deps.blobs.get(rig.tenant, message.digest as string));
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "message/rfc822",
      "content-disposition": `attachment; filename="${id}.eml"`,
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "cache-control": "no-store",
    });
  });

  it("MB-06 an agent needs `mail.raw`; the denied attempt is audited", async () => {
    const allowed = await rig.message({ mailbox: box.id, capabilities: ["mail.raw"] });
    expect((await rig.call("GET", `/v1/messages/${allowed}/raw`, { key: agent })).status).toBe(200);
    const id = await rig.message({ mailbox: box.id, capabilities: ["read_calendar"] });
    const answer = await rig.call("GET", `/v1/messages/${id}/raw`, { key: agent });
    expect(answer.body).toMatchObject({ status: 403, code: "capability_denied" });
    const entries = await rig.store.run("audit.of_message", { tenant: rig.tenant, message: id });
    const denied = entries.filter((entry) => entry.leaf.includes("capability.denied"));
    expect(denied).toMatchObject([{ details: { capability: "mail.raw" } }]);
  });
});

describe("lists", () => {
  it("are newest first, in pages, without text; the cursor goes on where the page ended", async () => {
    const { id: mailbox } = await rig.mailbox();
    const made = [];
    for (const at of [1, 2, 3, 4, 5]) made.push(await rig.message({ mailbox, at: rig.now + at }));
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/v1/mailboxes/${mailbox}/messages?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`;
      const { body } = await rig.call("GET", path);
      for (const item of body.items) expect(item).not.toHaveProperty("text");
      seen.push(...body.items.map((item: { id: string }) => item.id));
      cursor = body.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(made.reverse());
  });

  it("filter by outcome", async () => {
    const { id: mailbox } = await rig.mailbox();
    await rig.message({ mailbox });
    const held = await rig.message({ mailbox, outcome: "held" });
    const { body } = await rig.call("GET", `/v1/mailboxes/${mailbox}/messages?outcome=held`);
    expect(body.items.map((item: { id: string }) => item.id)).toEqual([held]);
  });

  it.each(["limit=0", "limit=201", "limit=x", "limit=1.5", "cursor=bogus", "outcome=deferred", "limt=5"])("?%s is a 422", async (query) => {
    const answer = await rig.call("GET", `/v1/mailboxes/${box.id}/messages?${query}`);
    expect(answer.body).toMatchObject({ status: 422, code: "invalid_request" });
  });
});

describe("usage", () => {
  it("MB-08 the agent's report settles the estimate; a second report replaces the first", async () => {
    const id = await rig.message({ mailbox: box.id });
    for (const tokens_consumed of [950, 400]) {
      const answer = await rig.call("POST", `/v1/messages/${id}/usage`, { key: agent, body: { tokens_consumed } });
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ message_id: id, tokens_reserved: 120, tokens_consumed });
    }
  });

  it.each([-1, 1.5, 1e10, "5", null])("%s tokens is a 422", async (tokens_consumed) => {
    const id = await rig.message({ mailbox: box.id });
    expect((await rig.call("POST", `/v1/messages/${id}/usage`, { key: agent, body: { tokens_consumed } })).status).toBe(422);
  });
});
