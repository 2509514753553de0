import { expect, it } from "vitest";
import type { TenantId } from "../../src/model/ids.ts";
import type { Args, OperationName, Result, Store } from "../../src/store/contract.ts";
import type { NewDkimKey } from "../../src/store/contract-outbound.ts";
import {
  approvalOf,
  blobOf,
  fresh,
  GATED,
  keyOf,
  letterOf,
  openOutboundWorld,
  questionAbout,
  suppressionOf,
  type OutboundWorld,
} from "./outbound-samples.ts";
import { newDomain, newId, NOON, proposalOf, questionOf } from "./samples.ts";

/** Operations that look something up for a tenant; those that only add are the caller's to aim. */
type Asked = { [K in OperationName]: Args<K> extends { tenant: TenantId } ? K : never }[OperationName];
type Adding =
  | "keys.create"
  | "webhooks.create"
  | "mailboxes.create"
  | "receipts.add"
  | "audit.append"
  | "suppressions.put"
  | "holds.note"
  | "holds.refused"
  | "sink.put"
  | "oversight.put_code";
/** Asked by the workflow of the draft alone, which knows that it is there. */
type Trusting = "holds.timer" | "sends.open" | "sends.claim" | "sends.record" | "sends.finish";

/** Every one of them, asked for objects of `owner` in the name of `tenant`, with the answer "there is no such thing". */
async function questions(
  owner: OutboundWorld,
  tenant: TenantId,
): Promise<{ [K in Exclude<Asked, Adding | Trusting>]: [Args<K>, Result<K>] }> {
  const { store, mailbox } = owner;
  const delivered = proposalOf(owner, { headline: { rfc_message_id: "known@acme.example" } });
  const held = proposalOf(owner, { proposal: { outcome: "held" } });
  const webhook = { id: newId("whk"), tenant: owner.tenant, url: "https://agent.example/", description: "", agentpack: false } as const;
  await store.run("webhooks.create", { ...webhook, secret: { id: newId("whk"), sealed: "s" }, ...byPostern() });
  const channels = [{ kind: "webhook", webhook_id: webhook.id }] as const;
  await store.run("mailboxes.change", { tenant: owner.tenant, mailbox, channels, ...byPostern() });
  const [{ dispatches }] = [await store.run("inbound.decide", delivered), await store.run("inbound.decide", held)];
  const { dispatch } = dispatches![0]!;
  const message = delivered.input.message;
  await store.run("receipts.add", {
    id: newId("rcp"),
    tenant: owner.tenant,
    message,
    peer: "",
    helo: "",
    sender: "",
    recipient: "",
    reply: "",
    at: 0,
  });
  const key = {
    id: newId("key"),
    tenant: owner.tenant,
    name: "k",
    scopes: [],
    mailboxes: null,
    masked: "",
    created_at: 0,
    hash: newId("key"),
  };
  await store.run("keys.create", key);
  const policy = { mailbox, digest: "1", document: "{}", at: NOON, actor: "postern" } as const;
  const { id: policyId } = (await store.run("policies.put", { ...policy, id: newId("pol"), tenant: owner.tenant }))!;
  const empty = { items: [], next_cursor: null };
  const question = questionOf({ tenant, mailbox }, { references: ["known@acme.example"] });
  const letter = letterOf(owner, { proposal: GATED });
  await store.run("outbound.screen", letter);
  const { draft } = letter.input;
  const approval = { ...approvalOf(letter, owner.approver, NOON), tenant };
  // The agent's own word on it: refused, and on record.
  const own = approvalOf(letter, owner.author, NOON);
  await store.run("holds.decide", own);
  const agreed = letterOf(owner, { proposal: GATED });
  await store.run("outbound.screen", agreed);
  await store.run("holds.decide", approvalOf(agreed, owner.approver, NOON));
  const begun = keyOf(owner, { draft });
  await store.run("idempotency.begin", begun);
  const suppression = suppressionOf(owner.tenant, "eve@acme.example");
  const kept = suppressionOf(owner.tenant, "mallory@acme.example");
  for (const put of [suppression, kept]) await store.run("suppressions.put", put);
  const sunk = {
    id: newId("snk"),
    tenant: owner.tenant,
    mailbox,
    draft,
    envelope_sender: "",
    recipients: [],
    message: blobOf("x"),
    at: NOON,
  };
  await store.run("sink.put", sunk);
  await store.run("oversight.stop", { tenant: owner.tenant, target: { agent: "assistant" }, stopped: true, ...byPostern() });
  const claim = { tenant: owner.tenant, id: newId("dom"), domain: newDomain(), key: dkimKey(), ...byPostern() };
  await store.run("domains.claim", claim);
  const { domain } = claim;
  const alias = {
    tenant,
    mailbox,
    address_id: newId("adr"),
    domain_id: newId("dom"),
    address: "a@x.example",
    domain: newDomain(),
    at: 0,
  } as const;
  return {
    "keys.revoke": [{ tenant, id: key.id, at: NOON }, null],
    "mailboxes.get": [{ tenant, id: mailbox }, null],
    "mailboxes.list": [{ tenant, only: [mailbox], limit: 9 }, empty],
    "mailboxes.add_alias": [alias, null],
    "domains.default": [{ tenant }, null],
    "policies.put": [{ ...policy, tenant, id: newId("pol"), digest: "2" }, null],
    "policies.current": [{ tenant, mailbox }, null],
    "policies.get": [{ tenant, id: policyId }, null],
    "threads.resolve": [question, { thread: `thr_${question.message.slice(4)}`, loop: null }],
    "decisions.get": [{ tenant, id: delivered.decision_id }, null],
    "decisions.latest": [{ tenant, message: delivered.input.message }, null],
    "decisions.list": [{ tenant, mailbox, limit: 9 }, empty],
    "messages.get": [{ tenant, id: message, view: "all" }, null],
    "messages.list": [{ tenant, mailbox, view: "all", limit: 9 }, empty],
    "messages.delivered_after": [{ tenant, mailbox, after: 0, limit: 9 }, []],
    "messages.settle": [{ tenant, id: message, tokens_consumed: 1, at: NOON }, null],
    "messages.references": [{ tenant, digest: delivered.input.ref.digest }, false],
    "receipts.list": [{ tenant, message }, []],
    "audit.list": [{ tenant, mailbox, limit: 9 }, empty],
    "audit.of_message": [{ tenant, message }, []],
    "idempotency.begin": [{ ...begun, tenant }, { conflict: "payload" }],
    "outbound.facts": [questionAbout({ ...owner, tenant }), null],
    "outbound.windows": [{ tenant, mailbox, caps: { perHour: 1, perDay: 1 }, at: NOON }, null],
    "drafts.get": [{ tenant, id: draft }, null],
    "sends.look": [{ tenant, draft, at: NOON }, null],
    "drafts.list": [{ tenant, mailbox, limit: 9 }, empty],
    "drafts.deliveries": [{ tenant, draft }, []],
    "revisions.list": [{ tenant, draft }, []],
    "suppressions.list": [{ tenant, at: NOON, limit: 9 }, empty],
    "suppressions.end": [{ tenant, id: suppression.id, ...byPostern() }, null],
    "holds.get": [{ tenant, id: draft }, null],
    "holds.list": [{ tenant, limit: 9 }, empty],
    "holds.attempts": [{ tenant, hold: draft }, []],
    "holds.answer": [{ tenant, hold: draft, nonce: own.nonce }, null],
    "holds.approval": [{ tenant, hold: agreed.input.draft }, null],
    "holds.decide": [approval, { result: "refused", code: "not_found" }],
    "sends.settle": [
      { tenant, draft, action: "settle", attempt: { ...approval, nonce: newId("jti"), ...fresh() } },
      { result: "refused", code: "not_found" },
    ],
    "sink.list": [{ tenant, limit: 9 }, empty],
    "sink.get": [{ tenant, id: sunk.id }, null],
    "mailboxes.change": [{ tenant, mailbox, mode: "read_only", channels: [], ...byPostern() }, null],
    "keys.list": [{ tenant, limit: 9 }, empty],
    "oversight.stop": [{ tenant, target: { mailbox }, stopped: true, ...byPostern() }, null],
    "oversight.stops": [{ tenant }, []],
    "domains.claim": [{ ...claim, tenant, ...fresh() }, { conflict: "domain" }],
    "domains.get": [{ tenant, domain }, null],
    "domains.list": [{ tenant, limit: 9 }, empty],
    "domains.set_state": [{ tenant, domain, state: "verified", ...byPostern() }, null],
    "dkim.add": [{ tenant, domain, key: dkimKey(), ...byPostern() }, null],
    "dkim.activate": [{ tenant, domain, id: claim.key.id, ...byPostern() }, null],
    "dkim.signing": [{ tenant, domain, offer: dkimKey(), at: NOON, ...fresh() }, null],
    "keys.get": [{ tenant, id: key.id }, null],
    "webhooks.get": [{ tenant, id: webhook.id }, null],
    "webhooks.list": [{ tenant, limit: 9 }, empty],
    "webhooks.rotate": [{ tenant, id: webhook.id, secret: { id: newId("whk"), sealed: "s" }, grace_ms: 1, ...byPostern() }, null],
    "dispatches.get": [{ tenant, id: dispatch }, null],
    "dispatches.of_message": [{ tenant, message }, []],
    "dispatches.list": [{ tenant, of: { mailbox }, limit: 9 }, empty],
    "dispatches.due": [{ tenant, id: dispatch, at: NOON }, null],
    "dispatches.replay": [{ tenant, id: dispatch, ...byPostern() }, null],
    "dispatches.attempted": [{ tenant, id: dispatch, state: "delivered", reason: null, status: 204, at: NOON, ...fresh() }, null],
    "webhooks.delete": [{ tenant, id: webhook.id, ...byPostern() }, false],
  };
}

function dkimKey(): NewDkimKey {
  return { id: newId("dkm"), selector: newId("dkm").slice(4), public_key: "p", sealed: "s" };
}

function byPostern() {
  return { actor: "postern", at: NOON, ...fresh() } as const;
}

async function ask(store: Store, asked: Awaited<ReturnType<typeof questions>>): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [name, [args]] of Object.entries(asked)) answers[name] = await store.run(name as OperationName, args);
  return answers;
}

it("MB-18 to another tenant nothing of this one is there, whatever is asked", async () => {
  const owner = await openOutboundWorld();
  const stranger = newId("ten");
  await owner.store.run("tenants.create", { id: stranger, name: stranger, at: NOON });
  const asked = await questions(owner, stranger);
  const expected = Object.fromEntries(Object.entries(asked).map(([name, [, answer]]) => [name, answer]));
  expect(await ask(owner.store, asked)).toEqual(expected);
});

it("MB-18 and to its own tenant all of it is there", async () => {
  const owner = await openOutboundWorld();
  const asked = await questions(owner, owner.tenant);
  const answers = await ask(owner.store, asked);
  for (const [name, [, nothing]] of Object.entries(asked)) expect(answers[name], name).not.toEqual(nothing);
});
