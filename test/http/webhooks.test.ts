import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN_KEY, startRig, type Answer, type Rig } from "./rig.ts";

let rig: Rig;
let mailbox: string;
beforeAll(async () => {
  rig = await startRig();
});
beforeEach(async () => {
  mailbox = (await rig.mailbox()).id;
});
afterAll(() => rig.stop());

const URL_ = "https://agent.example.com/mail";
const create = (body: object = { url: URL_ }): Promise<Answer> => rig.call("POST", "/v1/webhooks", { body });
const setChannels = (channels: readonly object[], key?: string): Promise<Answer> =>
  rig.call("PATCH", `/v1/mailboxes/${mailbox}`, { body: { channels }, ...(key === undefined ? {} : { key }) });

describe("webhooks", () => {
  it("show their secret once, and it is sealed where it is kept", async () => {
    const made = await create({ url: URL_, description: "mine" });
    expect(made.status).toBe(201);
    expect(Buffer.from(made.body.secret.slice(6), "base64")).toHaveLength(32);
    const { secret, ...shown } = made.body;
    expect((await rig.call("GET", `/v1/webhooks/${made.body.id}`)).body).toEqual(shown);
    expect((await rig.call("GET", "/v1/webhooks")).text).not.toContain(secret);
    const row = await rig.store.run("webhooks.get", { tenant: rig.tenant, id: made.body.id });
    expect(JSON.stringify(row)).not.toContain(secret.slice(6));
    expect(rig.lines.join()).not.toContain(secret.slice(6));
  });

  it.each([
    ["http://agent.example.com/", "https"],
    ["https://user:hunter2@agent.example.com/", "user or password"],
    ["https://169.254.169.254/", "not public"],
    ["https://inside.example.com/", "not public"],
    ["https://nowhere.example.com/", "cannot be found"],
  ])("%s is refused with the way out", async (url, why) => {
    rig.hosts = { ...rig.hosts, "inside.example.com": ["10.0.0.1"] };
    const { status, body, text } = await create({ url });
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: "invalid_request", errors: [{ path: "url" }], fix: expect.any(String) as string });
    expect(body.detail).toContain(why);
    expect(text).not.toContain("hunter2");
  });

  it("are an admin's whose key sees all of the tenant", async () => {
    for (const key of [
      await rig.key(["read"]),
      await rig.key(["send"]),
      await rig.key(["oversight"]),
      await rig.key(["admin"], [mailbox]),
    ]) {
      expect((await rig.call("POST", "/v1/webhooks", { key, body: { url: URL_ } })).status).toBe(403);
      expect((await rig.call("GET", "/v1/webhooks", { key })).status).toBe(403);
    }
  });

  it("PB-14 a rotation leaves two secrets, however often it is done; deleted, all of it is gone", async () => {
    const { id } = (await create()).body;
    for (let times = 0; times < 3; times += 1) {
      const rotated = await rig.call("POST", `/v1/webhooks/${id}/rotate`, { body: { grace_s: 60 } });
      expect(rotated.body.secrets).toEqual([
        { created_at: expect.any(String) as string, expires_at: null },
        { created_at: expect.any(String) as string, expires_at: new Date(rig.now + 60_000).toISOString() },
      ]);
    }
    await setChannels([{ kind: "webhook", webhook_id: id }]);
    expect((await rig.call("DELETE", `/v1/webhooks/${id}`)).status).toBe(204);
    expect((await rig.call("GET", `/v1/webhooks/${id}`)).status).toBe(404);
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}`)).body.channels).toEqual([]);
  });

  it("a tenant has at most a hundred, and another tenant's cannot be named", async () => {
    const { key } = await rig.tenantKey("crowd");
    const make = () => rig.call("POST", "/v1/webhooks", { key, body: { url: URL_ } });
    for (let count = 0; count < 100; count += 1) expect((await make()).status).toBe(201);
    expect(await make()).toMatchObject({ status: 409, body: { code: "conflict" } });
    const [theirs] = (await rig.call("GET", "/v1/webhooks", { key })).body.items;
    expect(await setChannels([{ kind: "webhook", webhook_id: theirs.id }])).toMatchObject({ status: 422 });
  });
});

describe("channels of a mailbox", () => {
  it("X-22 a refusal names what was refused, but never a key that stands in the place of its id", async () => {
    const wrong = await setChannels([{ ...workflow, key_id: "key_no!" }]);
    expect(wrong.body).toMatchObject({ detail: "there is no key `key_no!`", errors: [{ path: "channels[0].key_id" }] });
    const pasted = await setChannels([{ ...workflow, key_id: ADMIN_KEY }]);
    expect(pasted.body).toMatchObject({
      detail: "this is a key, not the id of one",
      fix: expect.stringContaining("give its id") as string,
    });
    expect(pasted.text).not.toContain(ADMIN_KEY);
    const unknown = await setChannels([{ kind: "webhook", webhook_id: "whk_0000000000000000" }]);
    expect(unknown.body).toMatchObject({
      detail: "there is no webhook `whk_0000000000000000`",
      errors: [{ path: "channels[0].webhook_id" }],
    });
  });

  const workflow = { kind: "workflow", type: "agent", task_queue: "agents", id_per: "thread" };

  it("are set all at once by an admin and shown on the mailbox", async () => {
    const { id: webhook_id } = (await create()).body;
    const key = await rig.call("POST", "/v1/keys", { body: { name: "sender", scopes: ["send"], mailboxes: [mailbox] } });
    const channels = [
      { kind: "webhook", webhook_id },
      { ...workflow, key_id: key.body.id as string },
    ];
    expect((await setChannels(channels)).body.channels).toEqual(channels);
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}`)).body.channels).toEqual(channels);
    expect((await setChannels([])).body.channels).toEqual([]);
    expect((await setChannels([], await rig.key(["read", "send"], [mailbox]))).status).toBe(403);
  });

  it.each([
    ["a workflow of Postern's own", [{ ...workflow, type: "outboundMessage" }]],
    ["the same twice", [workflow, workflow]],
    ["a webhook that is none", [{ kind: "webhook", webhook_id: "whk_0000000000000000" }]],
    ["no id at all", [{ kind: "webhook", webhook_id: "x" }]],
    ["a key that is none", [{ ...workflow, key_id: "key_0000000000000000" }]],
    ["control characters", [{ ...workflow, type: "agent\n" }]],
    ["more than ten", Array.from({ length: 11 }, (_, index) => ({ ...workflow, type: `agent${index}` }))],
  ])("cannot be %s", async (_, channels) => {
    expect(await setChannels(channels)).toMatchObject({ status: 422, body: { code: "invalid_request" } });
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}`)).body.channels).toEqual([]);
  });

  it("MM-28 go with mode and address or not at all: what one is refused for leaves the others as they were, and the code unused", async () => {
    const { id } = await rig.mailbox();
    const { mode_code } = (await rig.call("POST", `/v1/mailboxes/${id}/mode-code`, { body: { oversight_mode: "monitored" } })).body;
    const before = (await rig.call("GET", `/v1/mailboxes/${id}`)).body;
    const patch = (body: object) => rig.call("PATCH", `/v1/mailboxes/${id}`, { body });
    const whole = { oversight_mode: "monitored", mode_code, oversight_address: "eye@acme.example", channels: [workflow] };
    const unknown = [workflow, { kind: "webhook", webhook_id: "whk_0000000000000000" }];
    for (const [part, status] of [
      [{ channels: unknown }, 422],
      [{ oversight_address: null }, 422],
      [{ mode_code: "4k7m9p2r-t5w8y1a3" }, 403],
    ] as const) {
      expect((await patch({ ...whole, ...part })).status).toBe(status);
      expect((await rig.call("GET", `/v1/mailboxes/${id}`)).body).toEqual(before);
    }
    const { oversight_mode, oversight_address, channels } = (await patch(whole)).body;
    expect({ oversight_mode, oversight_address, channels }).toEqual({
      oversight_mode: "monitored",
      oversight_address: "eye@acme.example",
      channels: [workflow],
    });
  });

  it("a key in whose name a workflow sends must be alive, may send, and sees the mailbox", async () => {
    const other = (await rig.mailbox()).id;
    const make = async (scopes: string[], mailboxes: string[]) =>
      (await rig.call("POST", "/v1/keys", { body: { name: "k", scopes, mailboxes } })).body.id as string;
    const revoked = await make(["send"], [mailbox]);
    await rig.call("DELETE", `/v1/keys/${revoked}`);
    for (const key_id of [revoked, await make(["read"], [mailbox]), await make(["send"], [other])]) {
      const refused = await setChannels([
        { ...workflow, type: "other" },
        { ...workflow, key_id },
      ]);
      expect(refused).toMatchObject({ status: 422, body: { errors: [{ path: "channels[1].key_id" }] } });
      expect(refused.body.detail).toBe(`\`${key_id}\` is no living key with the scope \`send\` that sees this mailbox`);
    }
    expect((await setChannels([{ ...workflow, key_id: await make(["send"], [mailbox]) }])).status).toBe(200);
  });
});

describe("PB-13 PB-14 the short routes", () => {
  it.each(["", "/postbox"])("%s/webhook/register and /rotate answer as their callers expect", async (prefix) => {
    const made = await rig.call("POST", `${prefix}/webhook/register`, { body: { url: URL_, agent_id: "assistant" } });
    expect(made).toMatchObject({
      status: 201,
      body: { url: URL_, secret: expect.stringMatching(/^whsec_/) as string, previous_expires_at: null },
    });
    const { webhook_id } = made.body;
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}`)).body.channels).toContainEqual({ kind: "webhook", webhook_id });
    const rotated = await rig.call("POST", `${prefix}/webhook/rotate`, { body: { webhook_id } });
    expect(rotated.body).toMatchObject({ webhook_id, previous_expires_at: new Date(rig.now + 86_400_000).toISOString() });
    expect(rotated.body.secret).not.toBe(made.body.secret);
    await rig.call("DELETE", `/v1/webhooks/${webhook_id}`);
  });

  it("an agent that is not there has no mail", async () => {
    expect((await rig.call("POST", "/webhook/register", { body: { url: URL_, agent_id: "nobody" } })).status).toBe(404);
  });
});

describe("deliveries", () => {
  it("one for each message and channel, found by both, with the states they may have", async () => {
    const { id: webhook_id } = (await create()).body;
    await setChannels([{ kind: "webhook", webhook_id }]);
    const message = await rig.message({ mailbox: mailbox as `mbx_${string}` });
    await rig.message({ mailbox: mailbox as `mbx_${string}`, outcome: "held" });
    const byMailbox = (await rig.call("GET", `/v1/mailboxes/${mailbox}/deliveries`)).body;
    expect(byMailbox.items).toMatchObject([{ message_id: message, state: "pending", attempts: 0, channel: { webhook_id } }]);
    expect((await rig.call("GET", `/v1/webhooks/${webhook_id}/deliveries`)).body).toEqual(byMailbox);
    expect((await rig.call("GET", `/v1/webhooks/${webhook_id}/deliveries?state=dead`)).body.items).toEqual([]);
    const elsewhere = (await create()).body.id;
    const replay = (webhook: string) => rig.call("POST", `/v1/webhooks/${webhook}/deliveries/${byMailbox.items[0].id}/replay`);
    expect((await replay(elsewhere)).status).toBe(404);
    expect((await replay(webhook_id)).status).toBe(202);
  });
});
