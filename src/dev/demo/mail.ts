import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth";
import type { Letter } from "./letters.ts";
import { RECIPIENT } from "./letters.ts";
import { SELECTOR, SIGNING_SENDERS, type Sender } from "./senders.ts";

/** DKIM keys of the demo's domains: PKCS #8 PEM and the base64 of the public half, by domain. */
export type DemoKeys = Readonly<Record<string, { readonly privateKey: string; readonly publicKey: string }>>;

export function makeKeys(): DemoKeys {
  return Object.fromEntries(SIGNING_SENDERS.map(({ signs }) => [signs as string, makeKey()]));
}

function makeKey() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
  };
}

/** SPF, DKIM and DMARC records of the demo's senders, in the format of `POSTERN_DNS_ZONE`. */
export function makeZone(keys: DemoKeys): Record<string, { TXT: string[] }> {
  return Object.assign({}, ...SIGNING_SENDERS.map((sender) => recordsOf(sender, keys)));
}

function recordsOf({ signs, ip }: Sender, keys: DemoKeys): Record<string, { TXT: string[] }> {
  const domain = signs as string;
  return {
    [domain]: { TXT: [`v=spf1 ip4:${ip} -all`] },
    [`_dmarc.${domain}`]: { TXT: ["v=DMARC1; p=reject"] },
    [`${SELECTOR}._domainkey.${domain}`]: { TXT: [`v=DKIM1; k=rsa; p=${keys[domain]?.publicKey}`] },
  };
}

/** The finished message, signed where its sender signs. Same letter, same time, same bytes. */
export async function writeMail(letter: Letter, keys: DemoKeys, at: Date): Promise<string> {
  const raw = compose(letter, at);
  const { signs } = letter.sender;
  const privateKey = signs === null ? undefined : keys[signs]?.privateKey;
  if (signs === null || privateKey === undefined) return raw;
  const key = { signingDomain: signs, selector: SELECTOR, privateKey };
  // The library reads the list, its types want the fields.
  const { signatures } = await dkimSign(raw, { canonicalization: "relaxed/relaxed", signTime: at, ...key, signatureData: [key] });
  return signatures + raw;
}

function compose({ name, sender, subject, text, answers, automatic }: Letter, at: Date): string {
  const run = at.getTime().toString(36);
  const messageId = (of: string) => `<${of}.${run}@demo.example>`;
  const headers = [
    `From: ${sender.name} <${sender.address}>`,
    `To: Assistant <${RECIPIENT}>`,
    `Subject: ${subject}`,
    `Date: ${at.toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: ${messageId(name)}`,
    ...(answers === undefined ? [] : [`In-Reply-To: ${messageId(answers)}`, `References: ${messageId(answers)}`]),
    ...(automatic ? ["Auto-Submitted: auto-generated"] : []),
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
  ];
  return `${headers.join("\r\n")}\r\n\r\n${text.replaceAll("\n", "\r\n")}\r\n`;
}
