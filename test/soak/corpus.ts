import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { dkimSign } from "mailauth";
import { isViolation } from "../../src/mail/parse.ts";
import { openMail } from "../../src/mail/read.ts";
import { ADDRESS, boss, BOSS, type Planned } from "../durability/mail.ts";
import type { Random } from "../durability/random.ts";

const CORPUS = new URL("../../../shared/data/mail/corpus.jsonl.gz", import.meta.url);

/** What another sender and another signature stand for, and what would make two of them one conversation. */
const REPLACED = /^(from|sender|return-path|message-id|dkim-signature|in-reply-to|references)[ \t]*:/i;

/** Up to `count` different messages of the world under the boss's name and signature; none where there is no corpus. */
export async function planRealMail(random: Random, count: number): Promise<readonly Planned[]> {
  if (!existsSync(CORPUS)) return [];
  const planned: Planned[] = [];
  for (const raw of random.shuffled(readCorpus())) {
    if (planned.length === count) break;
    const bytes = await asTheBoss(raw, planned.length);
    // What no door takes has no message, and so nothing that could be lost.
    if (isViolation(await openMail(bytes))) continue;
    planned.push({ mail: { sender: BOSS, recipients: [ADDRESS.first], bytes }, code: 250, outcomes: { first: "delivered" } });
  }
  return planned;
}

function readCorpus(): readonly Buffer[] {
  const lines = gunzipSync(readFileSync(CORPUS)).toString().trim().split("\n");
  return lines.map((line) => Buffer.from((JSON.parse(line) as { raw_base64: string }).raw_base64, "base64"));
}

async function asTheBoss(raw: Buffer, number: number): Promise<Buffer> {
  const end = raw.indexOf("\r\n\r\n");
  const fields = raw
    .subarray(0, end)
    .toString("latin1")
    .split(/\r\n(?![ \t])/);
  const kept = fields.filter((field) => !REPLACED.test(field));
  const header = [`From: ${BOSS}`, `Message-ID: <real-${process.pid}-${number}@acme.example>`, ...kept].join("\r\n");
  const unsigned = Buffer.concat([Buffer.from(header, "latin1"), raw.subarray(end), Buffer.from(endOf(raw))]);
  const { domain, selector, privateKey } = boss;
  const key = { signingDomain: domain, selector, privateKey };
  const { signatures } = await dkimSign(unsigned, { canonicalization: "relaxed/relaxed", ...key, signatureData: [key] });
  return Buffer.concat([Buffer.from(signatures), unsigned]);
}

/** A message ends with a line's end, or the final dot would not stand alone. */
function endOf(raw: Buffer): string {
  return raw.subarray(-2).toString("latin1") === "\r\n" ? "" : "\r\n";
}
