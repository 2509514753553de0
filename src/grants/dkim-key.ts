import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import type { Sealer } from "./seal.ts";
import { crockford, makeId, type DkimKeyId } from "../model/ids.ts";

/** RFC 8301 §3.2 asks for 2,048; more does not fit the records of many name servers. */
const RSA_BITS = 2_048;
const generate = promisify(generateKeyPair);

/** A new key of a domain; what the store keeps of it. */
export interface MadeDkimKey {
  readonly id: DkimKeyId;
  readonly selector: string;
  /** SubjectPublicKeyInfo, base64: the `p=` of the DNS record. */
  readonly public_key: string;
  /** PKCS #8 PEM, sealed. */
  readonly sealed: string;
}

/**
 * A key of its own for one domain, off the main thread. The primes come from the system's randomness, which is the only one
 * this can be asked of; id and selector from `random`. RSA alone: verifiers that know Ed25519 know RSA as well.
 */
export async function makeDkimKey(sealer: Sealer, domain: string, random: (bytes: number) => Uint8Array): Promise<MadeDkimKey> {
  const pair = await generate("rsa", { modulusLength: RSA_BITS });
  const selector = `pst${crockford(random(5))}`;
  const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return {
    id: makeId("dkm", random(16)),
    selector,
    public_key: pair.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    sealed: sealer.seal(sealedName(domain, selector), Buffer.from(pem)),
  };
}

/** PKCS #8 PEM of a key that is kept for this domain and selector; throws `invalid_config` for any other. */
export function openDkimKey(sealer: Sealer, domain: string, { selector, sealed }: Pick<MadeDkimKey, "selector" | "sealed">): string {
  return sealer.open(sealedName(domain, selector), sealed).toString("utf8");
}

/** Threat: whoever can write the database must not make one domain sign with the key of another. */
function sealedName(domain: string, selector: string): string {
  return `dkim:${selector}._domainkey.${domain}`;
}
