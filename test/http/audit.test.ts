import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

async function decided() {
  const { id: mailbox } = await rig.mailbox();
  return { mailbox, message: await rig.message({ mailbox }) };
}

it("MM-17 the record of a mailbox is read newest first, an entry as explain shows it", async () => {
  const { mailbox, message } = await decided();
  rig.now += 1_000;
  await rig.call("POST", `/v1/mailboxes/${mailbox}/stop`, { body: {} });
  const { status, body } = await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    entries: [
      { action: "oversight.stopped", mailbox_id: mailbox, email_id: null, timestamp: new Date(rig.now).toISOString() },
      { action: "decision", actor: "postern", mailbox_id: mailbox, email_id: message, details: { subject: "Lunch?" } },
    ],
    cursor: null,
  });
  const explained = await rig.call("GET", `/v1/decisions/${message}/explain`);
  const { id, timestamp: at, leaf, leaf_hash, details } = body.entries[1];
  expect(explained.body.audit).toEqual([{ id, at, leaf, leaf_hash, details }]);
});

it("MM-17 a key is named as it may be shown", async () => {
  const { mailbox } = await decided();
  await rig.call("POST", `/v1/mailboxes/${mailbox}/stop`, { body: {} });
  const { body } = await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}&kind=oversight.stopped`);
  expect(body.entries[0].actor).toMatch(/^api_key:pst_live_…\w{3,4}$/);
});

it("MM-17 pages follow one another, and kind and time narrow them", async () => {
  const { mailbox } = await decided();
  const from = rig.now;
  for (let minute = 1; minute <= 3; minute++) {
    rig.now = from + minute * 60_000;
    await rig.message({ mailbox });
  }
  const times = async (query: string) => {
    const { body } = await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}&${query}`);
    const minutes = body.entries.map(({ timestamp }: { timestamp: string }) => (Date.parse(timestamp) - from) / 60_000) as number[];
    return [minutes, body.cursor as string | null] as const;
  };
  const [first, cursor] = await times("limit=3");
  expect(first).toEqual([3, 2, 1]);
  expect(await times(`limit=3&cursor=${cursor}`)).toEqual([[0], null]);
  const at = (minute: number) => encodeURIComponent(new Date(from + minute * 60_000).toISOString());
  expect((await times(`since=${at(1)}&until=${at(3)}`))[0]).toEqual([2, 1]);
  expect((await times("kind=capability.denied"))[0]).toEqual([]);
});

it("MB-18 another tenant's record is nobody's, nor is another mailbox's a bound key's", async () => {
  const { mailbox } = await decided();
  const other = await rig.tenantKey("audited elsewhere");
  expect((await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}`, { key: other.key })).status).toBe(404);
  expect((await rig.call("GET", "/v1/audit", { key: other.key })).body).toEqual({ entries: [], cursor: null });
  const { id } = await rig.mailbox();
  const bound = await rig.key(["admin"], [id]);
  expect((await rig.call("GET", `/v1/audit?mailbox_id=${id}`, { key: bound })).status).toBe(200);
  expect((await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}`, { key: bound })).status).toBe(404);
  expect((await rig.call("GET", "/v1/audit", { key: bound })).status).toBe(403);
});

it("X-14 agents and reviewers do not read it", async () => {
  for (const scopes of [["read", "send"], ["oversight"], ["ingest"]] as const) {
    expect((await rig.call("GET", "/v1/audit", { key: await rig.key(scopes) })).status).toBe(403);
  }
});

it.each([
  ["kind=email.eaten", "kind"],
  ["since=yesterday", "since"],
  ["since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", "until"],
  ["limit=201", "limit"],
])("X-22 %s is refused by name", async (query, path) => {
  const { status, body } = await rig.call("GET", `/v1/audit?${query}`);
  expect(status).toBe(422);
  expect(body.errors).toMatchObject([{ path }]);
});

it("a cursor that is none is refused", async () => {
  expect((await rig.call("GET", "/v1/audit?cursor=nonsense")).body).toMatchObject({ code: "invalid_request" });
});
