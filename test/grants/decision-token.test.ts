import { SignJWT, type JWTHeaderParameters } from "jose";
import { describe, expect, it } from "vitest";
import {
  DECISION_SECONDS,
  signDecisionToken,
  verifyDecisionToken,
  type Decided,
  type DecisionPlace,
} from "../../src/grants/decision-token.ts";
import { hashModeCode, makeModeCode } from "../../src/grants/mode-code.ts";
import { grantKey, signGrant } from "../../src/grants/sign.ts";
import { verifyGrant } from "../../src/grants/verify.ts";
import { makeId, outboundWorkflowId } from "../../src/model/ids.ts";

const NOW = Date.parse("2026-11-21T10:00:00Z");
const KEY = grantKey(new Uint8Array(32).fill(7), "postern");
const bytes = (fill: number) => new Uint8Array(16).fill(fill);
const HASH = "c".repeat(64);
const DRAFT = makeId("drf", bytes(2));
const DECIDED: Decided = {
  tenant: makeId("ten", bytes(1)),
  hold: DRAFT,
  workflow: outboundWorkflowId(DRAFT),
  action: "approve",
  actor: makeId("key", bytes(3)),
  content_hash: HASH,
  edit: null,
};
const NONCE = makeId("jti", bytes(5));
const EDIT: Decided = { ...DECIDED, action: "edit", edit: { digest: "d".repeat(64), size: 12 } };

const sign = (decided: Decided = DECIDED, seconds: number = DECISION_SECONDS.update) =>
  signDecisionToken(KEY, decided, NOW, NONCE, seconds);
const verify = (token: string | null, place: DecisionPlace = DECIDED, now = NOW) => verifyDecisionToken(KEY, token, place, now);
const INVALID = { ok: false, why: "invalid" };

/** The claims of a good token with some changed, signed by the right key. */
async function resigned(claims: object, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const [, payload] = (await sign()).split(".");
  const good = JSON.parse(Buffer.from(payload!, "base64url").toString()) as object;
  return new SignJWT({ ...good, ...claims })
    .setProtectedHeader({ alg: "EdDSA", kid: KEY.kid, typ: "postern-decision+jwt", ...header })
    .sign(KEY.privateKey);
}

describe("decision tokens", () => {
  it("X-04 X-06 a token names tenant, hold, workflow, action, actor, content and edit, and its nonce", async () => {
    expect(await verify(await sign())).toEqual({ ok: true, nonce: NONCE, decided: DECIDED });
    expect(await verify(await sign(EDIT), EDIT)).toEqual({ ok: true, nonce: NONCE, decided: EDIT });
    const inbound: Decided = { ...DECIDED, hold: makeId("msg", bytes(2)), content_hash: null };
    expect(await verify(await sign(inbound), inbound)).toMatchObject({ ok: true, decided: inbound });
    expect((await sign(EDIT, DECISION_SECONDS.signal)).length).toBeLessThan(1024);
  });

  it("lives for ten minutes at a door, for a day when printed, to the second", async () => {
    for (const seconds of [DECISION_SECONDS.update, DECISION_SECONDS.signal]) {
      const token = await sign(DECIDED, seconds);
      expect(await verify(token, DECIDED, NOW + seconds * 1000 - 1)).toMatchObject({ ok: true });
      expect(await verify(token, DECIDED, NOW + seconds * 1000)).toEqual({ ok: false, why: "expired" });
    }
  });

  it("a worker whose clock is behind the door's takes it all the same", async () => {
    expect(await verify(await sign(), DECIDED, NOW - 5000)).toMatchObject({ ok: true });
  });

  it("no token is missing, not invalid", async () => {
    expect(await verify(null)).toEqual({ ok: false, why: "missing" });
    expect(await verify("")).toEqual({ ok: false, why: "missing" });
  });

  it("counts for its own tenant, hold, workflow and action only", async () => {
    const token = await sign();
    const other = makeId("drf", bytes(9));
    const elsewhere: Partial<DecisionPlace>[] = [
      { tenant: makeId("ten", bytes(9)) },
      { hold: other },
      { workflow: outboundWorkflowId(other) },
      { action: "reject" },
      { action: "edit" },
    ];
    for (const place of elsewhere) expect(await verify(token, { ...DECIDED, ...place }), JSON.stringify(place)).toEqual(INVALID);
  });

  it("RFC 8725 §3 a forged signature, no algorithm, another one, another key, another instance: refused", async () => {
    const token = await sign();
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const encode = (fields: object) => Buffer.from(JSON.stringify(fields)).toString("base64url");
    const publicBytes = new Uint8Array(KEY.publicKey.export({ format: "der", type: "spki" }));
    const confused = await new SignJWT(JSON.parse(Buffer.from(payload, "base64url").toString()) as object as never)
      .setProtectedHeader({ alg: "HS256", kid: KEY.kid, typ: "postern-decision+jwt" })
      .sign(publicBytes);
    const otherKey = grantKey(new Uint8Array(32).fill(8), "postern");
    const otherIssuer = grantKey(new Uint8Array(32).fill(7), "somebody else");
    const turned = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    const forged = [
      `${header}.${payload}.${turned}`,
      `${header}.${payload}.`,
      `${encode({ alg: "none", kid: KEY.kid, typ: "postern-decision+jwt" })}.${payload}.`,
      `${encode({ alg: "none", typ: "postern-decision+jwt" })}.${payload}.${signature}`,
      confused,
      await signDecisionToken(otherKey, DECIDED, NOW, NONCE, DECISION_SECONDS.update),
      await signDecisionToken(otherIssuer, DECIDED, NOW, NONCE, DECISION_SECONDS.update),
      "a.b.c",
      "not a token",
      "x".repeat(5000),
    ];
    for (const text of forged) expect(await verify(text), text.slice(0, 80)).toEqual(INVALID);
  });

  it("X-04 a changed hash, actor or edit breaks the signature", async () => {
    const [header, payload, signature] = (await sign(EDIT)).split(".") as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    for (const change of [{ hash: "f".repeat(64) }, { sub: makeId("key", bytes(8)) }, { edit: { digest: "e".repeat(64), size: 1 } }]) {
      const tampered = Buffer.from(JSON.stringify({ ...claims, ...change })).toString("base64url");
      expect(await verify(`${header}.${tampered}.${signature}`, EDIT)).toEqual(INVALID);
    }
  });

  it("the right key's signature under another name, type, issuer, audience or without an end is refused", async () => {
    expect(await verify(await resigned({}))).toMatchObject({ ok: true });
    const others: Promise<string>[] = [
      resigned({}, { typ: "JWT" }),
      resigned({}, { typ: "postern-grant+jwt" }),
      resigned({}, { kid: "another" }),
      resigned({ iss: "another" }),
      resigned({ aud: "out-another" }),
      resigned({ exp: undefined }),
      resigned({ iat: undefined }),
      resigned({ exp: NOW / 1000 + 2 * DECISION_SECONDS.signal }),
      resigned({ jti: "once" }),
      resigned({ sub: "namespace" }),
      resigned({ hold: "out-1" }),
      resigned({ hash: 7 }),
      resigned({ hash: "f".repeat(1000) }),
      resigned({ edit: { digest: "d".repeat(64), size: 12 } }),
      resigned({ action: "release" }),
    ];
    for (const token of others) expect(await verify(await token)).toEqual(INVALID);
    expect(await verify(await resigned({ action: "edit", edit: null }), EDIT)).toEqual(INVALID);
    expect(await verify(await resigned({ action: "edit", edit: { digest: "short", size: -1 } }), EDIT)).toEqual(INVALID);
  });

  it("a grant is no decision, and a decision is no grant", async () => {
    const grant = await signGrant(
      KEY,
      {
        tenant: DECIDED.tenant,
        agent: "assistant",
        mailbox: makeId("mbx", bytes(4)),
        message: makeId("msg", bytes(2)),
        thread: makeId("thr", bytes(2)),
        capabilities: [],
        policy: "pol_x@1",
      },
      NOW,
      bytes(5),
    );
    expect(await verify(grant)).toEqual(INVALID);
    expect(await verifyGrant(KEY, await sign(), NOW)).toEqual({ ok: false, why: "invalid" });
  });
});

describe("mode codes", () => {
  it("MM-28 a code is 160 random bits in four groups; the store gets its SHA-256, however a person types it", () => {
    const { code, hash } = makeModeCode((count) => new Uint8Array(count).map((_, at) => at * 11));
    expect(code).toMatch(/^([0-9a-hjkmnp-tv-z]{8}-){3}[0-9a-hjkmnp-tv-z]{8}$/);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashModeCode(` ${code.toUpperCase().replaceAll("-", " ")} `)).toBe(hash);
    expect(hashModeCode(`${code.slice(0, -1)}!`)).not.toBe(hash);
  });
});
