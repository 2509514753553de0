import { createECDH, createHash, createPrivateKey } from "node:crypto";

/** Bytes of a P-256 private key. */
export const IDENTITY_SEED_BYTES = 32;

/** RFC 7517 form of the public key, as it is published (MM-19). */
export interface IdentityJwk {
  readonly kty: "EC";
  readonly crv: "P-256";
  readonly x: string;
  readonly y: string;
  readonly kid: string;
  readonly alg: "ES256";
  readonly use: "sig";
}

/** An instance's P-256 key for identity headers. Whoever holds `private_key` can vouch for any mail in the operator's name. */
export interface IdentityKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  /** PKCS #8 PEM. */
  readonly private_key: string;
  readonly jwk: IdentityJwk;
}

/**
 * The key of a seed: 32 random bytes, a number from 1 below the order of the curve. All but one in four billion seeds are;
 * null for the others: draw again.
 */
export function identityKey(seed: Uint8Array): IdentityKey | null {
  const curve = createECDH("prime256v1");
  try {
    curve.setPrivateKey(seed);
  } catch {
    return null;
  }
  // Uncompressed point: a byte 4, then x and y.
  const point = curve.getPublicKey();
  const [x, y] = [point.subarray(1, 33).toString("base64url"), point.subarray(33).toString("base64url")];
  const d = Buffer.from(seed).toString("base64url");
  const privateKey = createPrivateKey({ key: { kty: "EC", crv: "P-256", x, y, d }, format: "jwk" });
  const kid = createHash("sha256").update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest("base64url");
  return {
    kid,
    private_key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    jwk: { kty: "EC", crv: "P-256", x, y, kid, alg: "ES256", use: "sig" },
  };
}
