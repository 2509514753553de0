import { errors, jwtVerify, SignJWT, type JWTPayload } from "jose";
import { HOLD_ACTIONS, type HoldAction, type HoldId } from "../model/hold.ts";
import { isId, type Id, type KeyId, type TenantId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { GrantKey } from "./sign.ts";

/** JWS `typ`: no grant and no other token of the instance's key can be passed off as a decision, nor a decision as a grant. */
const TYPE = "postern-decision+jwt";

/** Longest token that is looked at, in characters. */
const MAX_LENGTH = 4096;

/** Life of a token that a door sends at once, and of one that is printed for the Temporal CLI; seconds. */
export const DECISION_SECONDS = { update: 10 * 60, signal: 24 * 60 * 60 } as const;

const DIGEST = /^[0-9a-f]{64}$/;

/** As the person's client sent it; whether it is the right one is the store's business. */
const LONGEST_HASH = 128;

/**
 * A door's word that this key, which it has just authenticated, does this to that. The words of the person are not in
 * here: a token travels through histories, its nonce names the note in the store.
 */
export interface Decided {
  readonly tenant: TenantId;
  readonly hold: HoldId;
  /** The only workflow that may act on it. */
  readonly workflow: string;
  readonly action: HoldAction;
  readonly actor: KeyId;
  /** What the person saw; null: left out. */
  readonly content_hash: string | null;
  /** With `edit`: JSON of the new `Submission`. */
  readonly edit: MessageRef | null;
}

/** `iat` and `exp` are seconds since the epoch; `aud` is the workflow's id, `jti` counts once. */
export interface DecisionClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: KeyId;
  readonly tenant: TenantId;
  readonly hold: HoldId;
  readonly action: HoldAction;
  readonly hash: string | null;
  readonly edit: MessageRef | null;
  readonly jti: Id<"jti">;
  readonly iat: number;
  readonly exp: number;
}

/** `invalid`: not signed by this instance, changed, or about something else; which of them is nobody's business. */
export type DecisionCheck =
  | { readonly ok: true; readonly nonce: Id<"jti">; readonly decided: Decided }
  | { readonly ok: false; readonly why: "missing" | "invalid" | "expired" };

/** What the token must be about, for it to count where it has come. */
export type DecisionPlace = Pick<Decided, "tenant" | "hold" | "workflow" | "action">;

/** A compact JWS (EdDSA); `now` in epoch milliseconds. Threat: whoever can call this decides as anybody. */
export function signDecisionToken(key: GrantKey, decided: Decided, now: number, nonce: Id<"jti">, seconds: number): Promise<string> {
  const { tenant, hold, action, content_hash: hash, edit } = decided;
  const iat = Math.floor(now / 1000);
  const claims: DecisionClaims = {
    iss: key.issuer,
    aud: decided.workflow,
    sub: decided.actor,
    ...{ tenant, hold, action, hash, edit },
    jti: nonce,
    iat,
    exp: iat + seconds,
  };
  return new SignJWT({ ...claims }).setProtectedHeader({ alg: "EdDSA", kid: key.kid, typ: TYPE }).sign(key.privateKey);
}

/**
 * Signature, type, key, time and place of a token; `now` in epoch milliseconds, no leeway. Says nothing about whether the
 * decision counts: that the key may decide today, and that the nonce is new, the store judges.
 */
export async function verifyDecisionToken(key: GrantKey, token: string | null, place: DecisionPlace, now: number): Promise<DecisionCheck> {
  if (token === null || token === "") return { ok: false, why: "missing" };
  if (token.length > MAX_LENGTH) return { ok: false, why: "invalid" };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, key.publicKey, requirements(key, place, now));
    if (protectedHeader.kid !== key.kid || !isClaims(payload) || !isAbout(payload, place)) return { ok: false, why: "invalid" };
    return { ok: true, nonce: payload.jti, decided: decidedBy(payload) };
  } catch (error) {
    return { ok: false, why: error instanceof errors.JWTExpired ? "expired" : "invalid" };
  }
}

function requirements(key: GrantKey, { workflow }: DecisionPlace, now: number) {
  return {
    algorithms: ["EdDSA"],
    typ: TYPE,
    issuer: key.issuer,
    audience: workflow,
    currentDate: new Date(now),
    clockTolerance: 0,
    requiredClaims: ["exp", "iat", "jti", "sub"],
  };
}

function isAbout(claims: DecisionClaims, { tenant, hold, action }: DecisionPlace): boolean {
  return claims.tenant === tenant && claims.hold === hold && claims.action === action;
}

function decidedBy({ tenant, hold, aud, action, sub, hash, edit }: DecisionClaims): Decided {
  return { tenant, hold, workflow: aud, action, actor: sub, content_hash: hash, edit };
}

function isClaims(payload: JWTPayload): payload is JWTPayload & DecisionClaims {
  const { tenant, hold, aud, sub, action, hash, edit, jti, iat, exp } = payload;
  return (
    // `jwtVerify` asks for both; a longer life is not honoured, whoever signed it.
    exp! - iat! <= DECISION_SECONDS.signal &&
    isIdClaim("ten", tenant) &&
    (isIdClaim("drf", hold) || isIdClaim("msg", hold)) &&
    isIdClaim("key", sub) &&
    isIdClaim("jti", jti) &&
    typeof aud === "string" &&
    HOLD_ACTIONS.some((known) => known === action) &&
    (hash === null || (typeof hash === "string" && hash.length <= LONGEST_HASH)) &&
    (action === "edit" ? isRef(edit) : edit === null)
  );
}

function isIdClaim(prefix: "ten" | "drf" | "msg" | "key" | "jti", claim: unknown): boolean {
  return typeof claim === "string" && isId(prefix, claim);
}

function isRef(claim: unknown): claim is MessageRef {
  if (typeof claim !== "object" || claim === null) return false;
  const { digest, size } = claim as Partial<Record<keyof MessageRef, unknown>>;
  return typeof digest === "string" && DIGEST.test(digest) && Number.isSafeInteger(size) && (size as number) >= 0;
}
