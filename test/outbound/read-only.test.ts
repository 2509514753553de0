import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { placesOf, type Place } from "../../src/http/docs-page.ts";
import type { OpenApiDocument } from "../../src/http/document.ts";
import { openRows } from "../support/postgres/rows.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { LETTER, LOOK_MS, type Mailbox, OutboundWorld } from "./world.ts";

const boss = makeSigner("boss.example", "192.0.2.1");

let world: OutboundWorld;
let mailbox: Mailbox;
/** Ids of the agent's own, by the noun of the path. */
let own: Readonly<Record<string, string>>;

beforeAll(async () => {
  world = await OutboundWorld.open({ signers: [boss] });
  mailbox = await world.mailbox("gated_send", {}, { senders: [{ match: { address: "boss@boss.example" }, capabilities: [] }] });
  const message = await delivered();
  const draft = await world.send(mailbox);
  await world.send(mailbox, { subject: "another" });
  own = { mailboxes: mailbox.id, messages: message, drafts: draft.id, pending: draft.id, keys: mailbox.agent.keyId, ...(await others()) };
});
afterAll(() => world?.close());

async function delivered(): Promise<string> {
  const bytes = await sign(write({ from: "boss@boss.example", to: mailbox.address }), boss);
  await world.postern.deliver({ sender: "boss@boss.example", recipient: mailbox.address, bytes, ip: "192.0.2.1" });
  for (;;) {
    const { items } = await mailbox.agent.get<{ items: readonly { id: string }[] }>(`/v1/mailboxes/${mailbox.id}/messages`);
    if (items[0] !== undefined) return items[0].id;
    await pause(LOOK_MS);
  }
}

/** What is of the tenant. */
async function others(): Promise<Record<string, string>> {
  const { http } = world.postern;
  const suppression = await http.send<{ id: string }>("POST", "/v1/suppressions", { address: "eve@elsewhere.example" });
  const webhook = await http.send<{ id: string }>("POST", "/v1/webhooks", { url: "https://93.184.215.14/mail" });
  return { suppressions: suppression.id, webhooks: webhook.id, delivery: "dsp_0000000000000000" };
}

/** Bodies that would be fine, of the routes that an agent's scopes open. */
const BODIES: Readonly<Record<string, object>> = {
  "POST /v1/mailboxes/{id}/send": LETTER,
  "POST /v1/messages/{id}/reply": { markdown: "Yes." },
  "POST /v1/mailboxes/{id}/decide/{email_id}": { action: "approve" },
  "POST /v1/oversight/decide": { action: "approve" },
};

/**
 * `POST /v1/grants/check` only answers. `usage` is the report the budget is kept by (MB-08): an agent that reads owes it in
 * every mode.
 */
const NO_CHANGES = ["POST /v1/grants/check", "POST /v1/messages/{id}/usage"];

it("MM-02 in `read_only` an agent's key changes nothing by any route that is not a GET: 403 or 404, and no row moves", async () => {
  await world.patch(mailbox.id, { oversight_mode: "read_only" });
  const document = (await (await world.request("GET", "/openapi.json", undefined)).json()) as OpenApiDocument;
  const places = placesOf(document).filter((place) => place.method !== "GET" && !NO_CHANGES.includes(nameOf(place)));
  expect(places.length).toBeGreaterThan(40);
  const before = rows();
  for (const place of places) {
    const answer = await ask(place);
    expect([403, 404], `${nameOf(place)}: ${answer.status} ${await answer.text()}`).toContain(answer.status);
    expect(rows(), nameOf(place)).toEqual(before);
  }
  expect(world.peer.taken).toEqual([]);
});

it("MM-02 also where it is the policy that lets the mailbox do no more; people still cancel", async () => {
  const lowered = await world.mailbox("gated_send");
  const draft = await world.send(lowered);
  const policy = { defaultAction: "bounce", senders: [], outbound: { maxMode: "read_only" } };
  await world.postern.http.send("PUT", `/v1/mailboxes/${lowered.id}/policy`, policy);
  const cancel = (key: string) => world.request("DELETE", `/v1/drafts/${draft.id}`, undefined, key);
  const refused = await cancel(lowered.agent.key);
  expect([refused.status, ((await refused.json()) as { reason: string }).reason]).toEqual([403, "mode_read_only"]);
  expect((await world.draft(lowered, draft)).status).toBe("pending_send_approval");
  const { key } = await world.person(["admin"]);
  expect((await cancel(key)).status).toBe(200);
});

const nameOf = ({ method, path }: Place): string => `${method} ${path}`;

/** One route names the draft in its body. */
function bodyOf(place: Place): object | undefined {
  if (place.operation.requestBody === undefined) return undefined;
  return { ...BODIES[nameOf(place)], ...(place.path === "/v1/oversight/decide" ? { email_id: own["drafts"] } : {}) };
}

function ask(place: Place): Promise<Response> {
  const noun = place.path.split("/")[2] ?? "";
  const path = place.path
    .replace("{id}", own[noun] ?? "")
    .replace("{email_id}", own["drafts"] ?? "")
    .replace("{agent_id}", "assistant")
    .replace("{domain}", "acme.example")
    .replace("{delivery}", own["delivery"] ?? "");
  return world.request(place.method, path, bodyOf(place), mailbox.agent.key);
}

/** What was tried is on record, and a draft that is refused is a row of its own. */
const RECORDS = ["audit_entries", "audit_private", "attempts", "hold_notes", "decisions", "idempotency", "receipts"];
const BLOCKED = "(select id from drafts where state = 'blocked')";
const WHERE: Readonly<Record<string, string>> = {
  drafts: "state <> 'blocked'",
  revisions: `draft not in ${BLOCKED}`,
  deliveries: `draft not in ${BLOCKED}`,
};

/** Every row of everything else. */
function rows(): Readonly<Record<string, readonly object[]>> {
  using database = openRows(join(world.postern.dataDir, "postern.db"));
  const tables = database.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name").all();
  const names = tables.map((table) => String(table["name"])).filter((name) => !RECORDS.includes(name));
  expect(names).toEqual(expect.arrayContaining(["mailboxes", "messages", "drafts", "holds", "approvals", "keys", "policies", "stops"]));
  return Object.fromEntries(names.map((name) => [name, database.prepare(`select * from ${name} where ${WHERE[name] ?? "1 = 1"}`).all()]));
}
