import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { placesOf, type Place } from "../../src/http/docs-page.ts";
import type { OpenApiDocument } from "../../src/http/document.ts";
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
  const message = await rig.message({ mailbox, outcome: "held" });
  const decisions = await rig.call("GET", `/v1/mailboxes/${mailbox}/decisions`);
  const key = await rig.call("POST", "/v1/keys", { body: { name: "mine", scopes: ["read"] } });
  own = { mailboxes: mailbox, messages: message, decisions: decisions.body.items[0].id as string, keys: key.body.id as string };
});
afterAll(() => rig.stop());

/** A body that would be fine, for routes that want one. */
const BODIES: Readonly<Record<string, unknown>> = {
  "POST /v1/mailboxes/{id}/aliases": { address_local_part: "stolen", domain: "stranger.example" },
  "PUT /v1/mailboxes/{id}/policy": { defaultAction: "drop", senders: [], auditLog: { retentionDays: 1, includeBodyHash: false } },
  "POST /v1/messages/{id}/usage": { tokens_consumed: 1 },
  "POST /v1/messages/{id}/release": { note: "mine now" },
  "POST /v1/messages/{id}/discard": { note: "mine now" },
};

const nameOf = ({ method, path }: Place) => `${method} ${path}`;

function ask(place: Place, id: string, key: string) {
  const body = BODIES[nameOf(place)];
  return rig.call(place.method, place.path.replace("{id}", id), { key, ...(body === undefined ? {} : { body }) });
}

describe("MB-18 two tenants", () => {
  it("every route with an id answers 404 for the other's object, exactly as for one that is not there, and changes nothing", async () => {
    const withId = placesOf(document).filter((place) => place.path.includes("{id}"));
    expect(withId.length).toBeGreaterThanOrEqual(14);
    const before = await ownState();
    for (const place of withId) {
      const noun = place.path.split("/")[2] ?? "";
      const id = own[noun] ?? "";
      expect(id, `no object for ${place.path}`).not.toBe("");
      const absent = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
      const [theirs, nobodys] = [await ask(place, id, stranger), await ask(place, absent, stranger)];
      expect(theirs.status, nameOf(place)).toBe(404);
      const { request_id: _one, ...answer } = theirs.body;
      const { request_id: _other, ...expected } = nobodys.body;
      expect(answer, nameOf(place)).toEqual(expected);
    }
    expect(await ownState()).toEqual(before);
  });

  it("the same requests by the owner are not 404: the table asks for what is there", async () => {
    const last = ["DELETE /v1/keys/{id}", "POST /v1/messages/{id}/discard"];
    for (const place of placesOf(document).filter(
      (at) => at.path.includes("{id}") && !last.includes(nameOf(at)) && !at.path.endsWith("/wait"),
    )) {
      const answer = await ask(place, own[place.path.split("/")[2] ?? ""] ?? "", (await ownersKey()) ?? "");
      expect(answer.status, nameOf(place)).toBeLessThan(place.path.endsWith("/usage") ? 405 : 300);
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
    ];
    return Promise.all(paths.map(async (path) => (await rig.call("GET", path)).body as unknown));
  }

  async function ownersKey(): Promise<string | undefined> {
    return rig.key(["read", "oversight", "admin"]);
  }
});
