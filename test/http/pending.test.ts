import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DraftId, KeyId, MailboxId } from "../../src/model/ids.ts";
import { GATED, letterOf } from "../store/outbound-samples.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId };
let agent: string;
let person: string;
beforeAll(async () => {
  rig = await startRig();
  box = await rig.mailbox();
  [agent, person] = [await rig.key(["read", "send"], [box.id]), await rig.key(["oversight"])];
});
afterAll(() => rig.stop());

/** One that waits for people. */
async function addDraft(): Promise<DraftId> {
  const made = await rig.call("POST", "/v1/keys", { body: { name: "author", scopes: ["send"], mailboxes: [box.id] } });
  const letter = letterOf({ tenant: rig.tenant, mailbox: box.id, author: made.body.id as KeyId }, { proposal: GATED, at: rig.now });
  await rig.store.run("outbound.screen", letter);
  return letter.input.draft;
}

describe("DESIGN §6 whoever watches", () => {
  it("a draft and what waits in its tenant is told of a word that counts, before any poll, and of nothing else", async () => {
    const [draft, other] = [await addDraft(), await addDraft()];
    // Nothing polls: what is not woken is false, and only after the minute.
    const watches = [`draft:${draft}`, `pending:${rig.tenant}`].map((key) => rig.store.watch(key, 60_000));
    const silent = rig.store.watch(`draft:${other}`, 60_000);
    const begun = performance.now();
    const [answer, ...moved] = await Promise.all([
      decide(draft, person, { action: "reject", reason: "not now" }),
      ...watches.map((watch) => watch.moved),
    ]);
    expect([answer.status, moved]).toEqual([200, [true, true]]);
    expect(performance.now() - begun).toBeLessThan(10_000);
    silent.cancel();
    expect(await silent.moved).toBe(false);
    // What a watch told of can be read.
    expect((await rig.call("GET", `/v1/drafts/${draft}`)).body.status).toBe("rejected");
  });
});

const decide = (id: string, key: string, verdict: object) =>
  rig.call("POST", `/v1/mailboxes/${box.id}/decide/${id}`, { key, body: verdict });

describe("X-07 mail that came in and waits", () => {
  it("is shown with what proves its sender, and is let through by an approver", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "held" });
    const { body } = await rig.call("GET", `/v1/pending/${id}`, { key: person });
    expect(body).toMatchObject({
      id,
      direction: "inbound",
      status: "pending_inbound_approval",
      reason: "test_reason",
      verification: { dkim: "pass" },
      findings: [{ guard: "content", code: "pattern" }],
      decision: { outcome: "held" },
      revisions: [],
    });
    const listed = await rig.call("GET", "/v1/pending?direction=inbound", { key: person });
    expect(listed.body.items).toMatchObject([{ id }]);
    expect((await decide(id, person, { action: "approve", content_hash: body.content_hash })).body).toMatchObject({ status: "approved" });
    expect((await rig.call("GET", `/v1/messages/${id}`, { key: agent })).body).toMatchObject({ outcome: "delivered" });
    expect((await rig.call("GET", `/v1/pending/${id}`, { key: person })).body).toMatchObject({
      status: "approved",
      decision: { outcome: "delivered", reason: "released_by_person" },
    });
  });

  it("an admin's key decides too; another content, an edit and a second word do not count", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "quarantined" });
    const admin = await rig.key(["admin"]);
    expect((await decide(id, admin, { action: "approve", content_hash: "0".repeat(64) })).body).toMatchObject({ code: "content_stale" });
    const edit = { key: person, body: { to: ["a@b.example"], subject: "s", markdown: "m" } };
    expect((await rig.call("POST", `/v1/pending/${id}/edit`, edit)).body).toMatchObject({ status: 409, reason: "not_editable" });
    expect((await decide(id, admin, { action: "resend" })).body).toMatchObject({ status: 409, reason: "not_unknown" });
    expect((await decide(id, admin, { action: "reject", reason: "phishing" })).body).toMatchObject({ status: "rejected" });
    expect((await decide(id, person, { action: "approve" })).body).toMatchObject({ status: 409, code: "already_decided" });
  });

  it("X-14 to an agent's key it is not there, and its attempt is on record", async () => {
    const id = await rig.message({ mailbox: box.id, outcome: "held" });
    expect((await decide(id, agent, { action: "approve" })).status).toBe(404);
    expect((await rig.call("GET", `/v1/pending/${id}`, { key: person })).body.attempts).toMatchObject([
      { result: "not_found", via: "door" },
    ]);
  });

  it("nothing of another mailbox is decided by this one's path", async () => {
    const other = await rig.mailbox();
    const id = await rig.message({ mailbox: other.id, outcome: "held" });
    expect((await decide(id, person, { action: "approve" })).status).toBe(404);
    expect((await decide("msg_nonsense", person, { action: "approve" })).status).toBe(404);
  });
});

it("a token's command names where Temporal is, quoted for a shell", async () => {
  const id = await rig.message({ mailbox: box.id, outcome: "held" });
  const { body } = await rig.call("POST", `/v1/pending/${id}/token`, { key: person, body: { action: "reject", reason: "no" } });
  expect(body.command).toBe(`temporal workflow signal --workflow-id ${body.workflow_id} --name reject --input '{"token":"${body.token}"}'`);
  expect(body.workflow_id).toBe(`hold-${id.slice(4)}`);
  expect(Date.parse(body.expires_at as string) - rig.now).toBe(86_400_000);
});
