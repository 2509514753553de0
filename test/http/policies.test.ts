import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MailboxId } from "../../src/model/ids.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId };
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

const POLICY = {
  defaultAction: "bounce",
  senders: [{ match: { address: "boss@acme.example", requireDkim: true }, capabilities: ["read_calendar"], rateLimit: { perHour: 20 } }],
  contentGuards: [{ reject: "/ignore (previous|all) instructions/i", reason: "prompt_injection_suspected" }],
  auditLog: { retentionDays: 90, includeBodyHash: true },
};
const YAML = `
defaultAction: bounce
senders:
  - match: { address: boss@acme.example, requireDkim: true }
    capabilities: [read_calendar]
    rateLimit: { perHour: 20 }
contentGuards:
  - { reject: "/ignore (previous|all) instructions/i", reason: prompt_injection_suspected }
auditLog: { retentionDays: 90, includeBodyHash: true }
`;

beforeAll(async () => {
  box = await rig.mailbox();
});

const put = (body: unknown, type = "application/json", id: string = box.id) =>
  rig.call("PUT", `/v1/mailboxes/${id}/policy`, { body, headers: { "content-type": type } });

describe("policies", () => {
  it("MB-01 are versions: the same document adds none, another one is the next, and YAML and JSON are one document", async () => {
    expect((await rig.call("GET", `/v1/mailboxes/${box.id}/policy`)).body).toMatchObject({ status: 404, code: "not_found" });
    const first = await put(POLICY);
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({ version: 1, created: true, warnings: [] });
    expect((await put(YAML, "application/yaml")).body).toMatchObject({ version: 1, created: false, digest: first.body.digest });
    const second = await put({ ...POLICY, defaultAction: "drop" });
    expect(second.body).toMatchObject({ version: 2, created: true });
    expect(second.body.digest).not.toBe(first.body.digest);
    const shown = await rig.call("GET", `/v1/mailboxes/${box.id}/policy`);
    expect(shown.body).toMatchObject({
      id: second.body.id,
      version: 2,
      document: { defaultAction: "drop" },
      actor: expect.stringMatching(/^key:key_/) as string,
    });
    expect((await rig.call("GET", `/v1/mailboxes/${box.id}`)).body.policy).toEqual({
      id: second.body.id,
      version: 2,
      digest: second.body.digest,
    });
  });

  it("what is shown can be put again and changes nothing", async () => {
    const { id } = await rig.mailbox();
    const first = await put(POLICY, "application/json", id);
    const { body } = await rig.call("GET", `/v1/mailboxes/${id}/policy`);
    expect((await put(body.document, "application/json", id)).body).toMatchObject({
      version: 1,
      created: false,
      digest: first.body.digest,
    });
  });

  it("errors name path and value, all of them at once", async () => {
    const wrong = {
      ...POLICY,
      senders: [{ ...POLICY.senders[0], rateLimit: { perHour: -1 } }],
      auditLog: { retentionDays: 0, includeBodyHash: true },
      colour: 1,
    };
    const { body } = await put(wrong);
    expect(body).toMatchObject({ status: 422, code: "invalid_policy", fix: expect.any(String) as string });
    const paths = body.errors.map((error: { path: string }) => error.path);
    expect(paths).toEqual(expect.arrayContaining(["senders[0].rateLimit.perHour", "auditLog.retentionDays", "colour"]));
  });

  it.each([
    ["{", "application/json"],
    ["a: [", "application/yaml"],
    ["", "application/json"],
  ])("%j as %s is a 422 that says where", async (text, type) => {
    expect((await put(text, type)).body).toMatchObject({ status: 422, code: "invalid_policy" });
  });

  it("another media type is a 415", async () => {
    expect((await put("x", "text/plain")).body).toMatchObject({ status: 415, code: "unsupported_media_type" });
  });

  it("X-14 an agent's key neither reads nor writes it", async () => {
    const key = await rig.key(["read"], [box.id]);
    for (const method of ["GET", "PUT"]) {
      expect(
        (await rig.call(method, `/v1/mailboxes/${box.id}/policy`, { key, ...(method === "PUT" ? { body: POLICY } : {}) })).status,
      ).toBe(403);
    }
  });
});
