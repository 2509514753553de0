import { generateKeyPairSync, type KeyPairKeyObjectResult } from "node:crypto";
import { dkimSign } from "mailauth";

/** A domain with its DKIM key and its sending host, as the tests' zone file publishes them. */
export interface Signer {
  readonly domain: string;
  readonly ip: string;
  readonly selector: string;
  readonly privateKey: string;
  readonly publicKey: string;
  readonly algorithm: "rsa" | "ed25519";
  readonly dmarc: string | null;
}

export function makeSigner(domain: string, ip: string, options: { algorithm?: "rsa" | "ed25519"; dmarc?: string | null } = {}): Signer {
  const { algorithm = "rsa", dmarc = "v=DMARC1; p=reject" } = options;
  const pair = pairOf(domain, algorithm);
  const spki = pair.publicKey.export({ type: "spki", format: "der" });
  // RFC 8463 §4.2: the record holds the bare 32 bytes.
  const published = algorithm === "rsa" ? spki : spki.subarray(-32);
  const privateKey = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { domain, ip, selector: algorithm, privateKey, publicKey: published.toString("base64"), algorithm, dmarc };
}

const pairs = new Map<string, KeyPairKeyObjectResult>();

/** The same for one domain in all test files of a process: an RSA key takes a quarter of a second. */
function pairOf(domain: string, algorithm: Signer["algorithm"]): KeyPairKeyObjectResult {
  const known = pairs.get(`${algorithm} ${domain}`);
  if (known !== undefined) return known;
  const made = algorithm === "rsa" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ed25519");
  pairs.set(`${algorithm} ${domain}`, made);
  return made;
}

/** SPF for the host, the DKIM key and DMARC, as a zone file has them. */
export function zoneOf(signers: readonly Signer[]): Record<string, { TXT: string[] }> {
  return Object.fromEntries(
    signers.flatMap(({ domain, ip, selector, publicKey, algorithm, dmarc }) => [
      [domain, { TXT: [`v=spf1 ip4:${ip} -all`] }],
      [`${selector}._domainkey.${domain}`, { TXT: [`v=DKIM1; k=${algorithm}; p=${publicKey}`] }],
      ...(dmarc === null ? [] : [[`_dmarc.${domain}`, { TXT: [dmarc] }] as const]),
    ]),
  );
}

export async function sign(raw: string, { domain, selector, privateKey }: Signer): Promise<string> {
  const key = { signingDomain: domain, selector, privateKey };
  // The library reads the list, its types want the fields.
  const { signatures } = await dkimSign(raw, { canonicalization: "relaxed/relaxed", ...key, signatureData: [key] });
  return signatures + raw;
}

export interface Letter {
  readonly from: string;
  readonly to?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly messageId?: string;
  readonly headers?: readonly string[];
}

let count = 0;

/** A plain message; every one has a Message-ID of its own unless told otherwise. */
export function write({
  from,
  to = "assistant@acme.example",
  subject = "Hello",
  text = "Hello.",
  messageId,
  headers = [],
}: Letter): string {
  count += 1;
  return [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    "Date: Sat, 21 Nov 2026 10:00:00 +0000",
    `Message-ID: <${messageId ?? `${process.pid}-${count}@test.example`}>`,
    ...headers,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    text,
    "",
  ].join("\r\n");
}
