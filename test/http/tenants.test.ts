import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placesOf, type Place } from "../../src/http/docs-page.ts";
import type { OpenApiDocument } from "../../src/http/document.ts";
import type { DraftId, KeyId, MailboxId } from "../../src/model/ids.ts";
import type { Scope } from "../../src/store/contract.ts";
import { GATED, letterOf } from "../store/outbound-samples.ts";
import { newId } from "../store/samples.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let document: OpenApiDocument;
/** Ids of one tenant's objects by the noun of the path. */
let own: Readonly<Record<string, string>>;
let stranger: string;

beforeAll(async () => {
  rig = await startRig();
  document = (await rig.call("GET", "/openapi.json")).body as OpenApiDocument;
  stranger = (await rig.tenantKey("stranger")).key;
  const { id: mailbox } = await rig.mailbox();
  await rig.call("PUT", `/v1/mailboxes/${mailbox}/policy`, { body: BODIES["PUT /v1/mailboxes/{id}/policy"] });
  const webhook = await rig.call("POST", "/v1/webhooks", { body: { url: "https://agent.example.com/mail" } });
  await rig.call("PATCH", `/v1/mailboxes/${mailbox}`, { body: { channels: [{ kind: "webhook", webhook_id: webhook.body.id }] } });
  await rig.message({ mailbox });
  const deliveries = await rig.call("GET", `/v1/mailboxes/${mailbox}/deliveries`);
  const message = await rig.message({ mailbox, outcome: "held" });
  const decisions = await rig.call("GET", `/v1/mailboxes/${mailbox}/decisions`);
  const key = await rig.call("POST", "/v1/keys", { body: { name: "mine", scopes: ["read", "send"] } });
  const suppression = await rig.call("POST", "/v1/suppressions", { body: { address: "eve@elsewhere.example" } });
  const [draft, sunk] = [await addDraft(mailbox, key.body.id as KeyId), newId("snk")];
  const bytes = { digest: "0".repeat(64), size: 1 };
  const mail = { id: sunk, tenant: rig.tenant, mailbox, draft, envelope_sender: "", recipients: [], message: bytes, at: rig.now };
  await rig.store.run("sink.put", mail);
  own = {
    ...{ mailboxes: mailbox, messages: message, drafts: draft, pending: draft, sink: sunk },
    decisions: decisions.body.items[0].id as string,
    keys: key.body.id as string,
    webhooks: webhook.body.id as string,
    delivery: deliveries.body.items[0].id as string,
    suppressions: suppression.body.id as string,
  };
});
afterAll(() => rig.stop());

/** One that waits for people. */
async function addDraft(mailbox: MailboxId, author: KeyId): Promise<DraftId> {
  const letter = letterOf({ tenant: rig.tenant, mailbox, author }, { proposal: GATED, at: rig.now });
  await rig.store.run("outbound.screen", letter);
  return letter.input.draft;
}

/** A body that would be fine, for routes that want one. */
const BODIES: Readonly<Record<string, unknown>> = {
  "POST /v1/mailboxes/{id}/aliases": { address_local_part: "stolen", domain: "stranger.example" },
  "PUT /v1/mailboxes/{id}/policy": { defaultAction: "drop", senders: [], auditLog: { retentionDays: 1, includeBodyHash: false } },
  "PATCH /v1/mailboxes/{id}": { oversight_mode: "gated_all" },
  "POST /v1/webhooks/{id}/rotate": { grace_s: 60 },
  "POST /v1/mailboxes/{id}/send": { to: ["boss@acme.example"], subject: "s", markdown: "m" },
  "POST /v1/messages/{id}/reply": { markdown: "m" },
  "POST /v1/mailboxes/{id}/decide/{email_id}": { action: "reject", reason: "mine now" },
  "POST /v1/pending/{id}/edit": { to: ["boss@acme.example"], subject: "s", markdown: "m" },
  "POST /v1/pending/{id}/token": { action: "approve" },
  "POST /v1/messages/{id}/usage": { tokens_consumed: 1 },
  "POST /v1/messages/{id}/release": { note: "mine now" },
  "POST /v1/messages/{id}/discard": { note: "mine now" },
};

/** Keys of these are the instance's own. */
const OPERATORS = ["POST /v1/mailboxes/{id}/mode-code"];
/** What is sent or decided by them ends in a workflow: `test/outbound` asks as the owner. */
const WORKFLOWS = [
  "POST /v1/mailboxes/{id}/send",
  "POST /v1/messages/{id}/reply",
  "POST /v1/mailboxes/{id}/decide/{email_id}",
  "POST /v1/pending/{id}/edit",
  "GET /v1/sink/{id}",
  "GET /v1/sink/{id}/raw",
];

const nameOf = ({ method, path }: Place) => `${method} ${path}`;

function ask(place: Place, id: string, key: string) {
  const body = BODIES[nameOf(place)];
  const path = place.path
    .replace("{id}", id)
    .replace("{email_id}", own["drafts"] ?? "")
    .replace("{delivery}", own["delivery"] ?? "");
  return rig.call(place.method, path, {
    key,
    ...(body === undefined ? {} : { body }),
  });
}

describe("MB-18 two tenants", () => {
  it("every route with an id answers 404 for the other's object, exactly as for one that is not there, and changes nothing", async () => {
    const withId = placesOf(document).filter((place) => place.path.includes("{id}") && !OPERATORS.includes(nameOf(place)));
    expect(withId.length).toBeGreaterThanOrEqual(14);
    const before = await ownState();
    for (const place of withId) {
      const noun = place.path.split("/")[2] ?? "";
      const id = own[noun] ?? "";
      expect(id, `no object for ${place.path}`).not.toBe("");
      const absent = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
      const key = await strangersKey(place);
      const [theirs, nobodys] = [await ask(place, id, key), await ask(place, absent, key)];
      expect(theirs.status, nameOf(place)).toBe(404);
      const { request_id: _one, ...answer } = theirs.body;
      const { request_id: _other, ...expected } = nobodys.body;
      expect(answer, nameOf(place)).toEqual(expected);
    }
    expect(await ownState()).toEqual(before);
  });

  it("the same requests by the owner are not 404: the table asks for what is there", async () => {
    const last = [...OPERATORS, ...WORKFLOWS, "DELETE /v1/keys/{id}", "DELETE /v1/webhooks/{id}", "POST /v1/messages/{id}/discard"];
    for (const place of placesOf(document).filter(
      (at) => at.path.includes("{id}") && !last.includes(nameOf(at)) && !/\/(?:wait|stream)$/.test(at.path),
    )) {
      const answer = await ask(place, own[place.path.split("/")[2] ?? ""] ?? "", (await ownersKey()) ?? "");
      // What it holds was decided by then: there, and not to be decided again.
      if (place.path === "/v1/pending/{id}/token") {
        expect(answer.body).toMatchObject({ code: "already_decided" });
        continue;
      }
      expect(answer.status, `${nameOf(place)} ${answer.text}`).toBeLessThan(place.path.endsWith("/usage") ? 405 : 300);
    }
  });

  it("no list shows the other's objects", async () => {
    expect((await rig.call("GET", "/v1/mailboxes", { key: stranger })).body).toEqual({ items: [], next_cursor: null });
  });

  it("nothing of the other's can be named in a body", async () => {
    const bound = await rig.call("POST", "/v1/keys", {
      key: stranger,
      body: { name: "x", scopes: ["read"], mailboxes: [own["mailboxes"]] },
    });
    expect(bound.status).toBe(404);
  });

  async function ownState(): Promise<unknown> {
    const paths = [
      `/v1/mailboxes/${own["mailboxes"]}`,
      `/v1/mailboxes/${own["mailboxes"]}/policy`,
      `/v1/messages/${own["messages"]}`,
      `/v1/mailboxes/${own["mailboxes"]}/decisions`,
      `/v1/webhooks/${own["webhooks"]}`,
      `/v1/webhooks/${own["webhooks"]}/deliveries`,
    ];
    return Promise.all(paths.map(async (path) => (await rig.call("GET", path)).body as unknown));
  }

  /** With a scope that admits it, where the first key of a tenant has none. */
  async function strangersKey({ operation }: Place): Promise<string> {
    const scopes = Object.values((operation.security ?? [])[0] ?? {}).flat() as Scope[];
    return scopes.includes("admin") ? stranger : rig.key(scopes.slice(0, 1), undefined, stranger);
  }

  async function ownersKey(): Promise<string | undefined> {
    return rig.key(["read", "oversight", "admin"]);
  }
});
