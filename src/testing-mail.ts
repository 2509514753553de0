import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth";

/** A domain that signs its mail, with the one host that may send for it. */
export interface TestSender {
  readonly domain: string;
  /** What `deliver` says the mail came from. */
  readonly ip: string;
  /** PKCS #8 PEM. */
  readonly privateKey: string;
  /** As a DKIM record has it. */
  readonly publicKey: string;
}

const SELECTOR = "test";

/** `ip`: one of RFC 5737, so that it is nobody's. */
export function testSender(domain: string, ip = "192.0.2.1"): TestSender {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateKey = pair.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  return { domain, ip, privateKey, publicKey: pair.publicKey.export({ type: "spki", format: "der" }).toString("base64") };
}

/** SPF, DKIM and DMARC of these senders, in the format of `POSTERN_DNS_ZONE`. Whoever is not in it proves nothing. */
export function testZone(senders: readonly TestSender[]): Record<string, { readonly TXT: readonly string[] }> {
  return Object.fromEntries(
    senders.flatMap(({ domain, ip, publicKey }) => [
      [domain, { TXT: [`v=spf1 ip4:${ip} -all`] }],
      [`${SELECTOR}._domainkey.${domain}`, { TXT: [`v=DKIM1; k=rsa; p=${publicKey}`] }],
      [`_dmarc.${domain}`, { TXT: ["v=DMARC1; p=reject"] }],
    ]),
  );
}

/** What a test says of a mail; the rest is made up. */
export interface TestLetter {
  readonly from: string;
  readonly to: string;
  readonly subject?: string;
  readonly text?: string;
  /** Default: one of its own for every mail. */
  readonly messageId?: string;
  /** Further header lines, such as `In-Reply-To: <…>`. */
  readonly headers?: readonly string[];
}

/** The bytes of a plain message. */
export function testMail({ from, to, subject = "Hello", text = "Hello.", messageId, headers = [] }: TestLetter): string {
  const lines = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${messageId ?? `${crypto.randomUUID()}@test.example`}>`,
    ...headers,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    ...text.split("\n"),
    "",
  ];
  return lines.join("\r\n");
}

/** With the sender's DKIM signature before it. */
export async function signed(raw: string, { domain, privateKey }: TestSender): Promise<string> {
  const key = { signingDomain: domain, selector: SELECTOR, privateKey };
  // The library reads the list, its types want the fields.
  const { signatures } = await dkimSign(raw, { canonicalization: "relaxed/relaxed", ...key, signatureData: [key] });
  return signatures + raw;
}
