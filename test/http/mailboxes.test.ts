import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const make = (body: unknown, key?: string) => rig.call("POST", "/v1/mailboxes", { body, ...(key === undefined ? {} : { key }) });

describe("mailboxes", () => {
  it("are made with agent and domain as needed", async () => {
    const made = await make({ address_local_part: "Assistant", domain: "Acme.Example", agent_id: "assistant" });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      id: expect.stringMatching(/^mbx_/) as string,
      address: "assistant@acme.example",
      aliases: [],
      agent_id: "assistant",
      oversight_mode: expect.any(String) as string,
      oversight_address: null,
      policy: null,
      stopped_by: null,
      channels: [],
      created_at: "2026-11-21T10:00:00.000Z",
    });
    expect((await rig.call("GET", `/v1/mailboxes/${made.body.id}`)).body).toEqual(made.body);
  });

  it("PB-02 an address is taken once, however it is spelled", async () => {
    const box = { domain: "acme.example", agent_id: "a" };
    expect((await make({ ...box, address_local_part: "taken" })).status).toBe(201);
    expect((await make({ ...box, address_local_part: "TAKEN" })).body).toMatchObject({ status: 409, code: "conflict" });
  });

  it("an international domain is one domain, in A-labels", async () => {
    const made = await make({ address_local_part: "a", domain: "BÜCHER.example", agent_id: "a" });
    expect(made.body.address).toBe("a@xn--bcher-kva.example");
  });

  it.each([
    ["a tag", { address_local_part: "a+b", domain: "acme.example" }],
    ["two ats", { address_local_part: "a@b", domain: "acme.example" }],
    ["a line break", { address_local_part: "a\r\nb", domain: "acme.example" }],
    ["an empty label", { address_local_part: "a", domain: "acme..example" }],
    ["an address literal", { address_local_part: "a", domain: "192.0.2.1" }],
    ["an address in hexadecimal", { address_local_part: "a", domain: "0x7f.1" }],
    ["a local part of 65 characters", { address_local_part: "a".repeat(65), domain: "acme.example" }],
    ["no agent", { address_local_part: "a", domain: "acme.example", agent_id: "" }],
  ])("%s is a 422", async (_, body) => {
    expect((await make({ agent_id: "a", ...body })).body).toMatchObject({ status: 422, code: "invalid_request" });
  });

  it("MB-18 another tenant's domain is a conflict without detail", async () => {
    await rig.mailbox({ domain: "mine.example" });
    const { key } = await rig.tenantKey("domain-thief");
    const answer = await make({ address_local_part: "a", domain: "mine.example", agent_id: "a" }, key);
    expect(answer.body).toMatchObject({ status: 409, code: "conflict" });
    expect(answer.text).not.toContain(rig.tenant);
  });

  it("are listed in pages, only the key's own", async () => {
    const { key } = await rig.tenantKey("lister");
    const made = [];
    for (const name of ["a", "b", "c"])
      made.push((await make({ address_local_part: name, domain: "list.example", agent_id: "x" }, key)).body.id);
    const first = await rig.call("GET", "/v1/mailboxes?limit=2", { key });
    const second = await rig.call("GET", `/v1/mailboxes?limit=2&cursor=${first.body.next_cursor}`, { key });
    const seen = [...first.body.items, ...second.body.items].map((item: { id: string }) => item.id);
    expect(seen).toEqual(expect.arrayContaining(made));
    expect(seen).toHaveLength(3);
    expect(second.body.next_cursor).toBeNull();
    const bound = await rig.key(["read"], [made[1]], key);
    expect((await rig.call("GET", "/v1/mailboxes", { key: bound })).body.items.map((item: { id: string }) => item.id)).toEqual([made[1]]);
  });
});

describe("aliases", () => {
  it("PB-03 are further addresses of one mailbox, on its domain unless another is named", async () => {
    const { id } = await rig.mailbox();
    const alias = (body: unknown) => rig.call("POST", `/v1/mailboxes/${id}/aliases`, { body });
    expect((await alias({ address_local_part: "bookings" })).status).toBe(201);
    const made = await alias({ address_local_part: "desk", domain: "two.example" });
    expect(new Set(made.body.aliases)).toEqual(new Set(["bookings@acme.example", "desk@two.example"]));
    for (const address of made.body.aliases) {
      expect(await rig.store.run("mailboxes.resolve", { address })).toEqual({ tenant: rig.tenant, mailbox: id });
    }
    expect((await alias({ address_local_part: "bookings" })).body.aliases).toHaveLength(2);
    const other = await rig.mailbox();
    const taken = await rig.call("POST", `/v1/mailboxes/${other.id}/aliases`, { body: { address_local_part: "bookings" } });
    expect(taken.body).toMatchObject({ status: 409, code: "conflict" });
    expect((await alias({ address_local_part: "a+b" })).status).toBe(422);
  });
});

describe("alloc", () => {
  it.each(["/alloc", "/postbox/alloc"])("PB-02 %s gives an address on the tenant's domain; taken is a 409", async (path) => {
    const { key } = await rig.tenantKey(`alloc${path.length}`);
    const call = (local_part: string) => rig.call("POST", path, { key, body: { agent_id: "scout", local_part } });
    expect((await call("scout")).body).toMatchObject({ status: 422, fix: expect.stringContaining("domain") as string });
    const domain = `d${path.length}.example`;
    await make({ address_local_part: "first", domain, agent_id: "x" }, key);
    const made = await call("scout");
    expect(made.status).toBe(201);
    expect(made.body).toEqual({ address: `scout@${domain}` });
    expect((await call("scout")).status).toBe(409);
  });
});
