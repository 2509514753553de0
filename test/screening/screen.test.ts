import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { NO_POLICY } from "../../policies/stored.ts";
import { PosternError } from "../../src/model/errors.ts";
import { inDatabase, letterOf, screen, setMode, setOverseer, suppressionOf } from "../store/outbound-samples.ts";
import { newId, NOON } from "../store/samples.ts";
import { openRig, type Rig } from "./rig.ts";

const CARD = { markdown: "My card is 4111 1111 1111 1111." };

/** Rows of every table that a submit would write. */
function written(rig: Rig): number {
  return inDatabase(rig.world, (db) =>
    ["drafts", "revisions", "decisions", "sends", "holds", "audit_entries", "idempotency"].reduce((sum, table) => {
      const row = db.prepare(`select count(*) as rows from ${table} where tenant = ?`).get(rig.world.tenant) as { rows: number };
      return sum + row.rows;
    }, 0),
  );
}

describe("a judgement", () => {
  it("NY-14 is every check and writes nothing: no row, no quota", async () => {
    const rig = await openRig();
    await rig.setPolicy({ perHour: 1, firstContact: "approve" });
    const before = written(rig);
    for (let again = 0; again < 3; again++) {
      expect(await rig.judge()).toMatchObject({ outcome: "pending_send_approval", reason: "first_contact", caps: { perHour: 1 } });
    }
    expect(written(rig)).toBe(before);
  });

  it("MM-04 without a policy is by the defaults and the mailbox's mode", async () => {
    const rig = await openRig("gated_send");
    expect(await rig.judge()).toEqual({
      ...{ outcome: "pending_send_approval", reason: "mode_gated_send", judged_at: "oversight" },
      ...{ mode: "gated_send", caps: { perHour: 50, perDay: 500 }, policy: NO_POLICY, at: NOON },
      ...{ findings: [], refused: [], audit: { retentionDays: 90 } },
      facts: expect.objectContaining({ mode: "gated_send", policy: null, sends: { lastHour: 0, lastDay: 0 } }),
    });
    setMode(rig.world, "autonomous");
    expect(await rig.judge()).toMatchObject({ outcome: "queued", reason: "mode_autonomous", mode: "autonomous" });
  });

  it("is by the policy in force at this moment, and names its version", async () => {
    const rig = await openRig();
    expect(await rig.judge()).toMatchObject({ outcome: "queued" });
    await rig.setPolicy({ maxMode: "gated_all" });
    expect(await rig.judge()).toMatchObject({ reason: "mode_gated_all", mode: "gated_all", policy: { version: 1 } });
    await rig.setPolicy({ maxMode: "monitored" });
    expect(await rig.judge()).toMatchObject({ outcome: "pending_send_approval", mode: "gated_send" });
    setOverseer(rig.world, "eye@acme.example");
    expect(await rig.judge()).toMatchObject({ outcome: "queued", reason: "mode_monitored", policy: { version: 2 } });
  });

  it.each(["to", "cc", "bcc"] as const)(
    "NY-09 a block looks at %s, names whom it is for, and says so without the address",
    async (kind) => {
      const rig = await openRig();
      await rig.setPolicy({ block: ["*.bad.example"] });
      const judged = await rig.judge({ [kind]: ["ok@acme.example", "Eve <eve@sub.BAD.example>"] });
      expect(judged).toMatchObject({ outcome: "blocked", reason: "block_list", judged_at: "lists", refused: ["eve@sub.bad.example"] });
      const index = { to: 1, cc: 2, bcc: 3 }[kind];
      expect(judged.findings).toEqual([{ guard: "recipients", code: "block_list", severity: 3, where: "headers", recipient: index }]);
      expect(JSON.stringify(judged.findings)).not.toContain("bad.example");
    },
  );

  it("NY-20 and PB-20 an allow list refuses everybody else, a suppression whoever it names, spelled as it may be", async () => {
    const rig = await openRig();
    await rig.setPolicy({ allow: ["acme.example"] });
    expect(await rig.judge()).toMatchObject({ outcome: "blocked", reason: "allow_list", refused: ["bcc@other.example"] });
    await rig.setPolicy({ perHour: 1 });
    await rig.store.run("suppressions.put", suppressionOf(rig.world.tenant, "anna@acme.example"));
    const judged = await rig.judge({ to: ["ANNA@ACME.example"] });
    expect(judged).toMatchObject({ outcome: "blocked", reason: "suppressed", refused: ["ANNA@acme.example"] });
  });

  it("NY-13 the cap counts what the mailbox sent, and not the draft that is judged", async () => {
    const rig = await openRig();
    await rig.setPolicy({ perHour: 1 });
    const input = await rig.inputOf();
    const { revision, content } = await rig.freeze(input);
    const own = letterOf(rig.world, { input: { draft: input.draft, message: input.message }, at: rig.time.now });
    await screen(rig.store, own);
    expect(await rig.screening.judge(input, revision, content)).toMatchObject({ outcome: "queued" });
    expect(await rig.judge()).toMatchObject({ outcome: "rate_limited", reason: "send_limit_per_hour", judged_at: "caps" });
    rig.time.now += 3_600_001;
    expect(await rig.judge()).toMatchObject({ outcome: "queued" });
  });

  it("X-11 a secret in the text, in its HTML or in an attachment holds, whatever the mode", async () => {
    const rig = await openRig();
    const attached = { filename: "id_rsa", content_type: "application/octet-stream", content: Buffer.from("x").toString("base64") };
    const csv = { filename: "cards.csv", content_type: "text/csv", content: Buffer.from("n\n4111111111111111\n").toString("base64") };
    const key = `-----BEGIN PRIVATE KEY-----\n${randomBytes(120).toString("base64")}\n-----END PRIVATE KEY-----\n`;
    const disguised = { filename: "notes.bin", content_type: "application/octet-stream", content: Buffer.from(key).toString("base64") };
    for (const [letter, code] of [
      [{ attachments: [disguised] }, "private_key"],
      [{ markdown: `Please keep this:\n\n    ${Buffer.from(key).toString("base64")}` }, "private_key"],
      [CARD, "payment_card"],
      [{ markdown: "[pay](https://pay.example/?c=4111111111111111)", text: "nothing" }, "payment_card"],
      [{ subject: "4111 1111 1111 1111" }, "payment_card"],
      [{ attachments: [csv] }, "payment_card"],
      [{ attachments: [attached] }, "key_file"],
    ] as const) {
      const judged = await rig.judge(letter);
      expect(judged).toMatchObject({ outcome: "pending_send_approval", reason: "secret_found", judged_at: "outbound_guards" });
      expect(judged.findings.map(({ guard, code: seen }) => `${guard} ${seen}`)).toContain(`secrets ${code}`);
    }
  });

  it("X-31 and X-10 taint of the thread and an automatic message that is answered hold", async () => {
    const rig = await openRig();
    const tainting = await rig.receive("Subject: x\r\n\r\nx\r\n", { proposal: { outcome: "quarantined", reason: "hidden_text" } });
    const row = await rig.store.run("messages.get", { tenant: rig.world.tenant, id: tainting, view: "all" });
    expect(await rig.judge({}, { thread: row!.thread })).toMatchObject({ reason: "tainted_thread", mode: "gated_send" });
    const automatic = await rig.receive("Subject: y\r\n\r\ny\r\n", { facts: { automatic: true } });
    expect(await rig.judge({}, { in_reply_to: automatic })).toMatchObject({ reason: "automatic_source", mode: "autonomous" });
  });

  it("X-27 and NY-01 a kill switch and a revoked key block, with the words of the stop", async () => {
    const rig = await openRig();
    const { tenant, author } = rig.world;
    await rig.store.run("keys.revoke", { tenant, id: author, at: NOON });
    expect(await rig.judge()).toMatchObject({ outcome: "blocked", reason: "author_key_revoked" });
    inDatabase(rig.world, (db) => db.prepare("insert into stops values (?, 'tenant', ?, ?)").run(tenant, tenant, NOON));
    expect(await rig.judge()).toMatchObject({ outcome: "blocked", reason: "stopped_tenant", judged_at: "kill_switch" });
  });

  it("MM-05 the overseer's copy passes unread, though the mailbox only reads by now", async () => {
    const rig = await openRig("read_only");
    await rig.setPolicy({ allow: [], perHour: 1 });
    expect(await rig.judge(CARD, { kind: "copy" })).toMatchObject({ outcome: "queued", reason: "copy", findings: [] });
    expect(rig.calls.scan).toBe(0);
  });
});

describe("what cannot be looked at", () => {
  it("DESIGN §9.4 a guard that failed holds, and is told of", async () => {
    const rig = await openRig();
    rig.troubles.push(new Error("cannot read"));
    expect(await rig.judge()).toMatchObject({ outcome: "pending_send_approval", reason: "guard_error", findings: [] });
    expect(rig.faults).toHaveLength(1);
    expect(await rig.judge()).toMatchObject({ outcome: "queued" });
  });

  it("DESIGN §9.4 bytes that are gone hold", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    const { revision, content } = await rig.freeze(input);
    await rig.blobs.remove(input.tenant, revision.mime.digest);
    expect(await rig.screening.judge(input, revision, content)).toMatchObject({ reason: "guard_error" });
  });

  it("a guard that could not look for now is asked again: the judgement fails as temporary", async () => {
    const rig = await openRig();
    rig.troubles.push(new PosternError("unavailable", "busy", { temporary: true }));
    await expect(rig.judge()).rejects.toMatchObject({ code: "unavailable", temporary: true });
    expect(rig.faults).toEqual([]);
  });

  it("NY-11 a policy that cannot be read blocks", async () => {
    const rig = await openRig();
    await rig.setDocument('{"senders":[],"defaultAction":"bounce","outbound":{"later":true}}');
    expect(await rig.judge()).toMatchObject({ outcome: "blocked", reason: "invalid_policy", policy: { version: 1 } });
  });

  it("what is refused anyway is not looked at; what was looked at is not looked at again", async () => {
    const rig = await openRig();
    await rig.setPolicy({ block: ["acme.example"] });
    await rig.judge(CARD);
    expect(rig.calls.scan).toBe(0);
    await rig.setPolicy({});
    const input = await rig.inputOf(CARD);
    const { revision, content } = await rig.freeze(input);
    const judged = await Promise.all([rig.screening.judge(input, revision, content), rig.screening.judge(input, revision, content)]);
    expect(judged.map(({ reason }) => reason)).toEqual(["secret_found", "secret_found"]);
    expect(rig.calls.scan).toBe(1);
    expect(await rig.newScreening().judge(input, revision, content)).toEqual(judged[0]);
  });

  it("X-11 what composing found is not looked for again", async () => {
    const rig = await openRig();
    await rig.setPolicy({});
    const input = await rig.inputOf(CARD);
    const writing = { number: 1, source: input.source, author: input.author };
    const frozen = await rig.newFreezer(rig.screening.seen).freeze(input, writing);
    if ("invalid" in frozen) throw new Error("refused");
    const judged = await rig.screening.judge(input, frozen.revision, frozen.content);
    expect(rig.calls.scan).toBe(0);
    expect(judged).toMatchObject({ reason: "secret_found" });
    expect(await rig.newScreening().judge(input, frozen.revision, frozen.content)).toEqual(judged);
    expect(rig.calls.scan).toBe(1);
  });

  it("MB-18 a mailbox of another tenant is none", async () => {
    const rig = await openRig();
    const input = await rig.inputOf();
    const { revision, content } = await rig.freeze(input);
    await expect(rig.screening.judge({ ...input, tenant: newId("ten") }, revision, content)).rejects.toMatchObject({ code: "not_found" });
  });
});
