import { generateKeyPairSync } from "node:crypto";
import { dkimSign, type DKIMSignOptions } from "mailauth";
import { createZoneResolver, type Zone } from "../../src/mail/dns.ts";
import { isViolation } from "../../src/mail/parse.ts";
import type { Authentication } from "../../src/mail/reader.ts";
import { authenticateBytes, openMail, type OpenedMail } from "../../src/mail/read.ts";
import type { Envelope } from "../../src/model/message.ts";

/** Lines with CRLF, as they stand on the wire. */
export function letter(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join("\r\n") + "\r\n");
}

/** A short message with these header lines. */
export function headed(...headers: readonly string[]): Buffer {
  return letter(...headers, "Subject: hello", "", "hello");
}

export interface Signer {
  readonly domain: string;
  readonly selector: string;
  readonly privateKey: string;
  /** The TXT record of the key. */
  readonly record: string;
}

export function createSigner(domain: string, kind: "rsa" | "ed25519" = "rsa", selector: string = kind): Signer {
  const privateEncoding = { type: "pkcs8", format: "pem" } as const;
  if (kind === "rsa") {
    const pair = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "der" },
      privateKeyEncoding: privateEncoding,
    });
    return { domain, selector, privateKey: pair.privateKey, record: `v=DKIM1; k=rsa; p=${pair.publicKey.toString("base64")}` };
  }
  const pair = generateKeyPairSync("ed25519", { publicKeyEncoding: { type: "spki", format: "der" }, privateKeyEncoding: privateEncoding });
  // RFC 8463 §4: the raw key, which is the end of the structure.
  return {
    domain,
    selector,
    privateKey: pair.privateKey,
    record: `v=DKIM1; k=ed25519; p=${pair.publicKey.subarray(-32).toString("base64")}`,
  };
}

export async function sign(raw: Buffer, { domain, selector, privateKey }: Signer, extra: Partial<DKIMSignOptions> = {}): Promise<Buffer> {
  const options = { ...extra, signatureData: [{ ...extra, signingDomain: domain, selector, privateKey }] } as unknown as DKIMSignOptions;
  const { signatures } = await dkimSign(raw, options);
  return Buffer.concat([Buffer.from(signatures), raw]);
}

export const ACME = createSigner("acme.example");
export const ACME_ED25519 = createSigner("acme.example", "ed25519");
export const EVIL = createSigner("evil.example");

export const ZONE: Zone = {
  "acme.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] },
  "_dmarc.acme.example": { TXT: ["v=DMARC1; p=reject"] },
  [`${ACME.selector}._domainkey.acme.example`]: { TXT: [ACME.record] },
  [`${ACME_ED25519.selector}._domainkey.acme.example`]: { TXT: [ACME_ED25519.record] },
  "evil.example": { TXT: ["v=spf1 ip4:198.51.100.9 -all"] },
  [`${EVIL.selector}._domainkey.evil.example`]: { TXT: [EVIL.record] },
};

/** From the boss's own server. */
export const FROM_ACME: Envelope = {
  ip: "192.0.2.1",
  helo: "mx.acme.example",
  sender: "boss@acme.example",
  recipient: "assistant@postern.example",
};
/** From somebody else's. */
export const FROM_EVIL: Envelope = {
  ip: "198.51.100.9",
  helo: "mx.evil.example",
  sender: "x@evil.example",
  recipient: "assistant@postern.example",
};

export const NOON = Date.UTC(2026, 10, 20, 12);

export async function authenticated(
  raw: Buffer,
  envelope: Envelope = FROM_ACME,
  zone: Zone = ZONE,
  now: number = NOON,
): Promise<Authentication> {
  const result = await authenticateBytes(raw, envelope, { resolver: createZoneResolver(zone), now: () => now });
  if (isViolation(result)) throw new Error(`refused: ${result.limit}`);
  return result;
}

export async function opened(raw: Buffer): Promise<OpenedMail> {
  const mail = await openMail(raw);
  if (isViolation(mail)) throw new Error(`refused: ${mail.limit}`);
  return mail;
}

/** The limit a message breaks, or null. */
export async function refusedFor(raw: Buffer): Promise<string | null> {
  const mail = await openMail(raw);
  return isViolation(mail) ? mail.limit : null;
}

/** Processor time of the work, milliseconds: bounds on it hold on a busy machine, where those on a clock do not. */
export async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
