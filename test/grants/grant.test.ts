import { randomBytes } from "node:crypto";
import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { GRANT_SECONDS, grantKey, signGrant, type GrantSubject } from "../../src/grants/sign.ts";
import { GRANT_MAX_LENGTH, verifyGrant } from "../../src/grants/verify.ts";
import { makeId } from "../../src/model/ids.ts";

const NOW = Date.parse("2026-11-21T10:00:00Z");
const KEY = grantKey(new Uint8Array(32).fill(7), "postern");
const bytes = (fill: number) => new Uint8Array(16).fill(fill);
const SUBJECT: GrantSubject = {
  tenant: makeId("ten", bytes(1)),
  agent: "assistant",
  mailbox: makeId("mbx", bytes(2)),
  message: makeId("msg", bytes(3)),
  thread: makeId("thr", bytes(4)),
  capabilities: ["read_calendar"],
  policy: "pol_x@3",
};
const signed = () => signGrant(KEY, SUBJECT, NOW, bytes(5));

describe("grants", () => {
  it("MB-06 a grant names tenant, agent, mailbox, message, thread, capabilities and policy for 24 hours", async () => {
    const check = await verifyGrant(KEY, await signed(), NOW);
    expect(check).toEqual({
      ok: true,
      claims: {
        iss: "postern",
        tenant: SUBJECT.tenant,
        sub: "assistant",
        mbx: SUBJECT.mailbox,
        msg: SUBJECT.message,
        thr: SUBJECT.thread,
        cap: ["read_calendar"],
        pol: "pol_x@3",
        jti: makeId("jti", bytes(5)),
        iat: NOW / 1000,
        exp: NOW / 1000 + GRANT_SECONDS,
      },
    });
  });

  it("holds until the last second of its day and expires with it", async () => {
    const grant = await signed();
    const end = NOW + GRANT_SECONDS * 1000;
    expect(await verifyGrant(KEY, grant, end - 1000)).toMatchObject({ ok: true });
    expect(await verifyGrant(KEY, grant, end)).toEqual({ ok: false, why: "expired" });
  });

  it("the same seed makes the same key, another seed another", async () => {
    expect(grantKey(new Uint8Array(32).fill(7), "postern").kid).toBe(KEY.kid);
    const other = grantKey(new Uint8Array(randomBytes(32)), "postern");
    expect(other.kid).not.toBe(KEY.kid);
    expect(await verifyGrant(other, await signed(), NOW)).toEqual({ ok: false, why: "invalid" });
  });

  it("RFC 8725 §3.1 another algorithm, none, or a foreign type is not a grant", async () => {
    const [, payload, signature] = (await signed()).split(".");
    const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString("base64url");
    const secret = KEY.publicKey.export({ format: "der", type: "spki" });
    const confused = await new SignJWT({ tenant: SUBJECT.tenant })
      .setProtectedHeader({ alg: "HS256", typ: "postern-grant+jwt" })
      .sign(new Uint8Array(secret));
    const foreign = await new SignJWT({ ...SUBJECT, iss: "postern" })
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
      .setIssuedAt(NOW / 1000)
      .setExpirationTime(NOW / 1000 + 60)
      .sign(KEY.privateKey);
    const forged = [
      `${header({ alg: "none", typ: "postern-grant+jwt" })}.${payload}.`,
      `${header({ alg: "EdDSA" })}.${payload}.${signature}`,
    ];
    for (const token of [...forged, confused, foreign, "", "a.b.c", "x".repeat(GRANT_MAX_LENGTH + 1)]) {
      expect(await verifyGrant(KEY, token, NOW)).toEqual({ ok: false, why: "invalid" });
    }
  });

  it("a token of the right key without the claims of a grant is not a grant", async () => {
    const token = await new SignJWT({ tenant: "ten_short", cap: "read" })
      .setProtectedHeader({ alg: "EdDSA", typ: "postern-grant+jwt" })
      .setIssuer("postern")
      .setSubject("assistant")
      .setJti("x")
      .setIssuedAt(NOW / 1000)
      .setExpirationTime(NOW / 1000 + 60)
      .sign(KEY.privateKey);
    expect(await verifyGrant(KEY, token, NOW)).toEqual({ ok: false, why: "invalid" });
  });

  it("a longer life than 24 hours is not honoured, whoever signed it", async () => {
    const claims = { tenant: SUBJECT.tenant, mbx: SUBJECT.mailbox, msg: SUBJECT.message, thr: SUBJECT.thread, cap: [], pol: "p@1" };
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: "EdDSA", typ: "postern-grant+jwt" })
      .setIssuer("postern")
      .setSubject("assistant")
      .setJti(makeId("jti", bytes(5)))
      .setIssuedAt(NOW / 1000)
      .setExpirationTime(NOW / 1000 + 10 * GRANT_SECONDS)
      .sign(KEY.privateKey);
    expect(await verifyGrant(KEY, token, NOW)).toMatchObject({ ok: true });
    expect(await verifyGrant(KEY, token, NOW + (GRANT_SECONDS + 1) * 1000)).toEqual({ ok: false, why: "expired" });
  });
});
