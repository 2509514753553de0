import { expect, it } from "vitest";
import type { TenantId } from "../../src/model/ids.ts";
import type { Args, OperationName, Result, Store } from "../../src/store/contract.ts";
import { newDomain, newId, NOON, proposalOf, questionOf, releaseOf } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

/** Operations that look something up for a tenant; those that only add are the caller's to aim. */
type Asked = { [K in OperationName]: Args<K> extends { tenant: TenantId } ? K : never }[OperationName];
type Adding = "keys.create" | "mailboxes.create" | "receipts.add" | "audit.append";

/** Every one of them, asked for objects of `owner` in the name of `tenant`, with the answer "there is no such thing". */
async function questions(owner: World, tenant: TenantId): Promise<{ [K in Exclude<Asked, Adding>]: [Args<K>, Result<K>] }> {
  const { store, mailbox } = owner;
  const delivered = proposalOf(owner, { headline: { rfc_message_id: "known@acme.example" } });
  const held = proposalOf(owner, { proposal: { outcome: "held" } });
  for (const proposal of [delivered, held]) await store.run("inbound.decide", proposal);
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
    "release.decide": [releaseOf(held, { tenant }), { refused: "not_found" }],
    "decisions.get": [{ tenant, id: delivered.decision_id }, null],
    "decisions.list": [{ tenant, mailbox, limit: 9 }, empty],
    "messages.get": [{ tenant, id: message, view: "all" }, null],
    "messages.list": [{ tenant, mailbox, view: "all", limit: 9 }, empty],
    "messages.delivered_after": [{ tenant, mailbox, after: 0, limit: 9 }, []],
    "messages.settle": [{ tenant, id: message, tokens_consumed: 1, at: NOON }, null],
    "messages.references": [{ tenant, digest: delivered.input.ref.digest }, false],
    "receipts.list": [{ tenant, message }, []],
    "audit.of_message": [{ tenant, message }, []],
  };
}

async function ask(store: Store, asked: Awaited<ReturnType<typeof questions>>): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  for (const [name, [args]] of Object.entries(asked)) answers[name] = await store.run(name as OperationName, args);
  return answers;
}

it("MB-18 to another tenant nothing of this one is there, whatever is asked", async () => {
  const owner = await openWorld();
  const stranger = newId("ten");
  await owner.store.run("tenants.create", { id: stranger, name: stranger, at: NOON });
  const asked = await questions(owner, stranger);
  const expected = Object.fromEntries(Object.entries(asked).map(([name, [, answer]]) => [name, answer]));
  expect(await ask(owner.store, asked)).toEqual(expected);
});

it("MB-18 and to its own tenant all of it is there", async () => {
  const owner = await openWorld();
  const asked = await questions(owner, owner.tenant);
  const answers = await ask(owner.store, asked);
  for (const [name, [, nothing]] of Object.entries(asked)) expect(answers[name], name).not.toEqual(nothing);
});
