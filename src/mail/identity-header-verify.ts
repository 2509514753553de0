import { compactVerify, decodeProtectedHeader, errors, importJWK, type JWK } from "jose";
import { readHeader, type Header } from "./header.ts";
import { boundParts, IDENTITY_FIELDS, IDENTITY_TYPE, type BoundParts, type IdentityClaims } from "./identity-header.ts";
import { MODES } from "../model/outbound.ts";

/**
 * What became of a message's identity. `absent`: it has none. `ambiguous`: it has several, or a part that is bound is
 * missing or there twice. `malformed`: it is no token of this kind. `unknown_key`: none of the keys at hand made it.
 * `forged`: the signature does not hold. `altered`: it was made for another message; `parts` says by what it differs.
 */
export type IdentityVerdict =
  | { readonly verdict: "valid"; readonly kid: string; readonly claims: IdentityClaims }
  | { readonly verdict: "altered"; readonly kid: string; readonly claims: IdentityClaims; readonly parts: readonly (keyof BoundParts)[] }
  | { readonly verdict: "unknown_key" | "forged"; readonly kid: string }
  | { readonly verdict: "absent" | "ambiguous" | "malformed" };

/** Checks a message with CRLF line ends against public keys. Claims are shown only once the signature holds. */
export async function verifyIdentity(raw: Buffer, keys: readonly JWK[]): Promise<IdentityVerdict> {
  const header = readHeader(raw);
  const fields = header.fields.filter(({ name }) => IDENTITY_FIELDS.includes(name));
  if (fields.length !== 1) return { verdict: fields.length === 0 ? "absent" : "ambiguous" };
  const token = (fields[0]?.value ?? "").replace(/[ \t]+/g, "");
  const kid = kidOf(token);
  if (kid === null) return { verdict: "malformed" };
  const key = keys.find((each) => each.kid === kid);
  if (key === undefined) return { verdict: "unknown_key", kid };
  const payload = await payloadOf(token, key);
  if (payload === null) return { verdict: "forged", kid };
  const claims = parse(payload);
  return isClaims(claims) ? compare(raw, header, kid, claims) : { verdict: "malformed" };
}

/** Longest token that is looked at, in characters. */
const TOKEN = 32_768;

function kidOf(token: string): string | null {
  if (token.length > TOKEN || token.split(".").length !== 3) return null;
  try {
    const { alg, kid, typ } = decodeProtectedHeader(token);
    return alg === "ES256" && typ === IDENTITY_TYPE && typeof kid === "string" ? kid : null;
  } catch {
    return null;
  }
}

/** Null: the signature does not hold. A key that is none throws. */
async function payloadOf(token: string, key: JWK): Promise<Uint8Array | null> {
  const publicKey = await importJWK(key, "ES256");
  try {
    return (await compactVerify(token, publicKey, { algorithms: ["ES256"] })).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    return null;
  }
}

function isClaims(value: unknown): value is IdentityClaims {
  if (typeof value !== "object" || value === null) return false;
  const { v, operator, oversight, capabilities, verified_operator, created, service, ...bound } = value as Record<string, unknown>;
  return (
    v === 1 &&
    [operator, created, service, ...BOUND.map((part) => bound[part])].every((claim) => typeof claim === "string") &&
    MODES.some((mode) => mode === oversight) &&
    Array.isArray(capabilities) &&
    capabilities.every((name) => typeof name === "string") &&
    typeof verified_operator === "boolean"
  );
}

const BOUND = ["message_id", "from", "recipients_sha256", "body_sha256"] as const satisfies readonly (keyof BoundParts)[];

function compare(raw: Buffer, header: Header, kid: string, claims: IdentityClaims): IdentityVerdict {
  const found = boundParts(raw, header);
  if (found === null) return { verdict: "ambiguous" };
  const parts = BOUND.filter((part) => found[part] !== claims[part]);
  return parts.length === 0 ? { verdict: "valid", kid, claims } : { verdict: "altered", kid, claims, parts };
}
