import { errors, jwtVerify, type JWTPayload } from "jose";
import { isId } from "../model/ids.ts";
import { GRANT_SECONDS, GRANT_TYPE, type GrantClaims, type GrantKey } from "./sign.ts";

/** Longest grant that is looked at, in characters. */
export const GRANT_MAX_LENGTH = 16_384;

/** `invalid`: not signed by this instance, changed, or not a grant at all; which of them is nobody's business. */
export type GrantCheck = { readonly ok: true; readonly claims: GrantClaims } | { readonly ok: false; readonly why: "expired" | "invalid" };

/**
 * Signature, type, issuer and time of a grant; `now` in epoch milliseconds, no leeway: the same clock signed it.
 * Says nothing about the state of agent, mailbox and message: the caller asks those as well.
 */
export async function verifyGrant(key: GrantKey, token: string, now: number): Promise<GrantCheck> {
  if (token.length > GRANT_MAX_LENGTH) return { ok: false, why: "invalid" };
  try {
    const { payload } = await jwtVerify(token, key.publicKey, requirements(key, now));
    return isGrantClaims(payload) ? { ok: true, claims: payload } : { ok: false, why: "invalid" };
  } catch (error) {
    return { ok: false, why: error instanceof errors.JWTExpired ? "expired" : "invalid" };
  }
}

function requirements(key: GrantKey, now: number) {
  return {
    algorithms: ["EdDSA"],
    typ: GRANT_TYPE,
    issuer: key.issuer,
    currentDate: new Date(now),
    maxTokenAge: GRANT_SECONDS,
    requiredClaims: ["exp", "iat", "jti", "sub"],
  };
}

function isGrantClaims(payload: JWTPayload): payload is JWTPayload & GrantClaims {
  const { tenant, sub, mbx, msg, thr, cap, pol, jti } = payload;
  return (
    isIdClaim("ten", tenant) &&
    isIdClaim("mbx", mbx) &&
    isIdClaim("msg", msg) &&
    isIdClaim("thr", thr) &&
    isIdClaim("jti", jti) &&
    typeof sub === "string" &&
    typeof pol === "string" &&
    Array.isArray(cap) &&
    cap.every((name) => typeof name === "string")
  );
}

function isIdClaim(prefix: "ten" | "mbx" | "msg" | "thr" | "jti", claim: unknown): boolean {
  return typeof claim === "string" && isId(prefix, claim);
}
