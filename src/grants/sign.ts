import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { crockford, makeId, type Id, type MailboxId, type MessageId, type TenantId, type ThreadId } from "../model/ids.ts";

/** How long a grant lives, in seconds. Short, because revoking means waiting for it or asking `POST /v1/grants/check`. */
export const GRANT_SECONDS = 24 * 60 * 60;

/** JWS `typ`, so that no other token of the same key can be passed off as a grant (RFC 8725 §3.11). */
export const GRANT_TYPE = "postern-grant+jwt";

/** RFC 8410 §7: everything before the 32 bytes of an Ed25519 private key in PKCS #8. */
const PKCS8_ED25519 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Whom a message was given to, and what the matched rule lets them do about it. */
export interface GrantSubject {
  readonly tenant: TenantId;
  readonly agent: string;
  readonly mailbox: MailboxId;
  readonly message: MessageId;
  readonly thread: ThreadId;
  readonly capabilities: readonly string[];
  /** `<policy id>@<version>` that decided. */
  readonly policy: string;
}

/** Claims of a grant (DESIGN §5). `iat` and `exp` are seconds since the epoch. */
export interface GrantClaims {
  readonly iss: string;
  readonly tenant: TenantId;
  readonly sub: string;
  readonly mbx: MailboxId;
  readonly msg: MessageId;
  readonly thr: ThreadId;
  readonly cap: readonly string[];
  readonly pol: string;
  readonly jti: Id<"jti">;
  readonly iat: number;
  readonly exp: number;
}

/** An instance's Ed25519 key with its name. Whoever holds `privateKey` can grant anything. */
export interface GrantKey {
  readonly issuer: string;
  /** Hash of the public key. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** `seed`: the 32 private bytes of RFC 8032. */
export function grantKey(seed: Uint8Array, issuer: string): GrantKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(privateKey);
  const digest = createHash("sha256")
    .update(publicKey.export({ format: "der", type: "spki" }))
    .digest();
  return { issuer, kid: crockford(digest.subarray(0, 10)), privateKey, publicKey };
}

/** A compact JWS (EdDSA) over the claims; `now` in epoch milliseconds, `nonce` 16 random bytes. */
export function signGrant(key: GrantKey, subject: GrantSubject, now: number, nonce: Uint8Array): Promise<string> {
  return new SignJWT({ ...claimsOf(key, subject, now, nonce) })
    .setProtectedHeader({ alg: "EdDSA", kid: key.kid, typ: GRANT_TYPE })
    .sign(key.privateKey);
}

function claimsOf(key: GrantKey, subject: GrantSubject, now: number, nonce: Uint8Array): GrantClaims {
  const iat = Math.floor(now / 1000);
  return {
    iss: key.issuer,
    tenant: subject.tenant,
    sub: subject.agent,
    mbx: subject.mailbox,
    msg: subject.message,
    thr: subject.thread,
    cap: subject.capabilities,
    pol: subject.policy,
    jti: makeId("jti", nonce),
    iat,
    exp: iat + GRANT_SECONDS,
  };
}
