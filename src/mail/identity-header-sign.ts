import { sign } from "node:crypto";
import type { Seal } from "./composer.ts";
import { IDENTITY_TYPE, type BoundParts, type IdentityClaims } from "./identity-header.ts";
import { signingKey } from "./signing-key.ts";

const LINE = 74;

/** The signed identity header (MM-18), folded: a compact JWS with ES256 (RFC 7518 §3.4: r and s, not DER). */
export function formatIdentityHeader(identity: Seal["identity"], bound: BoundParts, at: number): string {
  const { private_key, kid, header = "Postern-Identity", ...said } = identity;
  const claims: IdentityClaims = { v: 1, ...said, created: new Date(at).toISOString(), ...bound };
  const signed = `${encode({ alg: "ES256", kid, typ: IDENTITY_TYPE })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(signed), { key: signingKey(private_key), dsaEncoding: "ieee-p1363" });
  return `${header}:${(`${signed}.${signature.toString("base64url")}`.match(LINES) ?? []).map((line) => `\r\n ${line}`).join("")}`;
}

const LINES = new RegExp(`.{1,${LINE}}`, "g");

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
