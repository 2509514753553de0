import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { GRANT_SECONDS } from "../../src/grants/sign.ts";
import type { MailboxId, MessageId } from "../../src/model/ids.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId };
let key: string;
let message: MessageId;
let grant: string;
beforeAll(async () => {
  rig = await startRig();
  box = await rig.mailbox();
  key = await rig.key(["read"], [box.id]);
});
afterAll(() => rig.stop());
beforeEach(async () => {
  message = await rig.message({ mailbox: box.id, capabilities: ["read_calendar", "propose_meeting"] });
  grant = (await rig.call("GET", `/v1/messages/${message}`, { key })).body.grant as string;
});

const check = (token: string, capability: string, by = key) =>
  rig.call("POST", "/v1/grants/check", { key: by, body: { grant: token, capability } });

async function denials(of: MessageId = message): Promise<number> {
  const entries = await rig.store.run("audit.of_message", { tenant: rig.tenant, message: of });
  return entries.filter((entry) => entry.leaf.includes("capability.denied")).length;
}

describe("MB-06 grants/check", () => {
  it("allows what the matched rule granted", async () => {
    const answer = await check(grant, "read_calendar");
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      allowed: true,
      capability: "read_calendar",
      agent_id: "assistant",
      mailbox_id: box.id,
      message_id: message,
    });
    expect(Date.parse(answer.body.expires_at)).toBe(rig.now + GRANT_SECONDS * 1000);
    expect(await denials()).toBe(0);
  });

  it("denies anything else with a 403 and one audit entry, whatever key asks", async () => {
    for (const by of [key, await rig.key(["admin"]), await rig.key(["send"])]) {
      expect((await check(grant, "confirm_meeting", by)).body).toMatchObject({ status: 403, code: "capability_denied" });
    }
    expect(await denials()).toBe(3);
  });

  it("denies an expired grant; a fresh read gives a new one", async () => {
    rig.now += GRANT_SECONDS * 1000;
    try {
      const answer = await check(grant, "read_calendar");
      expect(answer.body).toMatchObject({ status: 403, code: "capability_denied", detail: "the grant has expired" });
      const fresh = (await rig.call("GET", `/v1/messages/${message}`, { key })).body.grant as string;
      expect((await check(fresh, "read_calendar")).status).toBe(200);
    } finally {
      rig.now -= GRANT_SECONDS * 1000;
    }
  });

  it("denies forged and changed grants", async () => {
    const [header, payload, signature] = grant.split(".");
    const claims = { ...(JSON.parse(Buffer.from(payload ?? "", "base64url").toString()) as object), cap: ["confirm_meeting"] };
    const widened = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
    for (const token of [widened, "x", `${header}.${payload}.`]) {
      expect((await check(token, "confirm_meeting")).body).toMatchObject({ status: 403, code: "capability_denied" });
    }
  });

  it("MB-18 another tenant's grant, and one of another mailbox, are no grants", async () => {
    const stranger = await rig.tenantKey("grant-stranger");
    expect((await check(grant, "read_calendar", stranger.key)).status).toBe(403);
    const neighbour = await rig.key(["read"], [(await rig.mailbox()).id]);
    const answer = await check(grant, "read_calendar", neighbour);
    expect(answer.body).toMatchObject({ status: 403, detail: "this is not a grant of this tenant" });
    expect(await denials()).toBe(0);
  });

  it("asks what holds now: a mailbox that went to another agent takes its grants along", async () => {
    const run = rig.store.run.bind(rig.store);
    rig.store.run = (async (name: never, args: never) => {
      const row: unknown = await run(name, args);
      return name === "mailboxes.get" ? { ...(row as object), agent_id: "somebody else" } : row;
    }) as typeof run;
    try {
      expect((await check(grant, "read_calendar")).body).toMatchObject({ status: 403, detail: "the mailbox belongs to another agent now" });
    } finally {
      rig.store.run = run;
    }
  });

  it("an agent in a loop does not write the audit log full: 60 denials a minute, then 429 for what would be one", async () => {
    const looping = await rig.key(["read"], [box.id]);
    const asked = Array.from({ length: 62 }, async (_, index) => (await check(grant, `made_up_${index}`, looping)).status);
    expect((await Promise.all(asked)).filter((status) => status === 429)).toHaveLength(2);
    expect(await denials()).toBe(60);
    expect((await check("forged", "read_calendar", looping)).body).toMatchObject({ status: 429, code: "too_many_requests" });
    expect((await check(grant, "read_calendar", looping)).status).toBe(200);
    expect((await check(grant, "made_up")).status).toBe(403);
    rig.now += 60_000;
    expect((await check(grant, "made_up", looping)).status).toBe(403);
  });

  it("a question that is none is a 422", async () => {
    for (const body of [{ grant }, { capability: "x" }, { grant: "", capability: "x" }, { grant, capability: "x", more: 1 }]) {
      expect((await rig.call("POST", "/v1/grants/check", { key, body })).status).toBe(422);
    }
  });
});
