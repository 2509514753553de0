import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

it.each(["mailbox", "agent", "tenant"] as const)(
  "X-27 while the %s is stopped its agent reads nothing, and people read on",
  async (kind) => {
    const { id } = await rig.mailbox({ agent: `agent-of-${kind}` });
    const [key, person] = [await rig.key(["read"], [id]), await rig.key(["oversight"])];
    const message = await rig.message({ mailbox: id });
    const path = { mailbox: `/v1/mailboxes/${id}`, agent: `/v1/agents/agent-of-${kind}`, tenant: "/v1" }[kind];
    const paths = [`/v1/mailboxes/${id}/messages`, `/v1/messages/${message}`, `/v1/mailboxes/${id}/wait?timeout_s=0`];
    const statuses = (by: string) => Promise.all(paths.map(async (each) => (await rig.call("GET", each, { key: by })).status));
    expect(await statuses(key)).toEqual([200, 200, 200]);
    expect((await rig.call("POST", `${path}/stop`, { key: person })).body).toEqual({ stopped: true, drafts: 0 });
    expect(await statuses(key)).toEqual([403, 403, 403]);
    expect(await statuses(person)).toEqual([200, 200, 200]);
    const stopped = { mailbox: id, agent: `agent-of-${kind}`, tenant: rig.tenant }[kind];
    expect((await rig.call("GET", "/v1/stops", { key })).body.items).toMatchObject([{ kind, id: stopped }]);
    const shown = async () => [
      (await rig.call("GET", `/v1/mailboxes/${id}`)).body.stopped_by as unknown,
      (await rig.call("GET", "/v1/mailboxes", { key })).body.items[0].stopped_by as unknown,
    ];
    expect(await shown()).toEqual([kind, kind]);
    await rig.call("POST", `${path}/start`, { key: person });
    expect(await statuses(key)).toEqual([200, 200, 200]);
    expect(await shown()).toEqual([null, null]);
  },
);

it("X-27 an agent's key stops and starts nothing; a bound person's stops its mailboxes", async () => {
  const { id } = await rig.mailbox();
  const [agent, bound] = [await rig.key(["read", "send"], [id]), await rig.key(["oversight"], [id])];
  expect((await rig.call("POST", `/v1/mailboxes/${id}/stop`, { key: agent })).status).toBe(403);
  expect((await rig.call("POST", `/v1/mailboxes/${id}/stop`, { key: bound })).status).toBe(200);
  expect((await rig.call("POST", `/v1/mailboxes/${id}/start`, { key: agent })).status).toBe(403);
  expect((await rig.call("POST", "/v1/stop", { key: bound })).status).toBe(403);
});

it("DESIGN §8 with the disk nearly full no draft is taken, and mail that is there stays readable", async () => {
  const { id } = await rig.mailbox();
  const key = await rig.key(["read", "send"], [id]);
  const message = await rig.message({ mailbox: id });
  const body = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Shall we?" };
  rig.freeBytes = 37 * 1024 * 1024;
  try {
    const refused = await rig.call("POST", `/v1/mailboxes/${id}/send`, { key, body });
    expect(refused.status).toBe(503);
    expect(refused.body).toMatchObject({ code: "unavailable", detail: "there is no room for drafts now" });
    expect((await rig.call("GET", `/v1/messages/${message}`, { key })).status).toBe(200);
  } finally {
    rig.freeBytes = Number.MAX_SAFE_INTEGER;
  }
});
