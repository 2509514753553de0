import { generateKeyPairSync, randomBytes } from "node:crypto";
import { identityKey, type IdentityKey } from "../../src/grants/identity-key.ts";
import type { Composed, Seal } from "../../src/mail/composer.ts";
import { sealMail } from "../../src/mail/seal.ts";
import { compose } from "./drafts.ts";

export const NOON = Date.parse("2026-11-21T12:00:00Z");

const pair = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "der" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** What the domain publishes, with SPF for 192.0.2.1. */
export const ZONE = {
  "acme.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
  "pst1._domainkey.acme.example": { TXT: [`v=DKIM1; k=rsa; p=${pair.publicKey.toString("base64")}`] },
  "_dmarc.acme.example": { TXT: ["v=DMARC1; p=reject"] },
};

export function newIdentityKey(): IdentityKey {
  return identityKey(randomBytes(32)) ?? newIdentityKey();
}

export const KEY = newIdentityKey();

export function seal(changes: Partial<Seal> = {}): Seal {
  return {
    at: NOON,
    dkim: { domain: "acme.example", selector: "pst1", private_key: pair.privateKey },
    identity: {
      private_key: KEY.private_key,
      kid: KEY.kid,
      operator: "Acme",
      oversight: "gated_send",
      capabilities: ["mail.send"],
      verified_operator: true,
      service: "https://postern.acme.example",
    },
    reviewed: true,
    ...changes,
  };
}

export const LETTER = {
  to: ["Boss <boss@partner.example>", "Zoë <ZOE@bücher.example>"],
  cc: ["team@partner.example"],
  bcc: ["hidden@partner.example"],
  subject: "Zahlen",
  markdown: "Dear boss,\n\n- the first point\n- the second point\n\nünïcödé  with  spaces",
  attachments: [{ filename: "a.pdf", content_type: "application/pdf", content: Buffer.from("%PDF-").toString("base64") }],
};

/** As it leaves. */
export function sealed(changes: Partial<Seal> = {}, composed: Composed = compose(LETTER)): Buffer {
  return sealMail(composed.mime, seal(changes));
}
