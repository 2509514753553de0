import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { dkimSign } from "mailauth";
import { openMail } from "../../src/mail/read.ts";
import { isViolation } from "../../src/mail/parse.ts";
import { makeSigner, zoneOf, type Signer } from "../support/signer.ts";

const CORPUS = new URL("../../../shared/data/mail/corpus.jsonl.gz", import.meta.url);

/** RFC 2544's networks for benchmarks: peers of a bench come from there. */
export const PEERS = "198.18.0.0/15";

/** The domain all of a bench's mail is from. */
export const SENDER: Signer = makeSigner("bench.example", PEERS);
export const ZONE = zoneOf([SENDER]);

const SENDERS = 40;

export interface MailSource {
  /** `real mail`, or why it is not. */
  readonly origin: string;
  /** So many different messages between the sizes, signed by {@link SENDER}; sources are taken in turn. */
  take(count: number, size?: { readonly least: number; readonly most: number }): Promise<readonly Buffer[]>;
}

/** Mail of the world with a sender and a signature of ours, or generated mail of the same sizes where there is none. */
export async function openMailSource(): Promise<MailSource> {
  const found = existsSync(CORPUS);
  const letters = found ? await readable(readCorpus()) : GENERATED_SIZES.map(generate);
  let serial = 0;
  return {
    origin: found ? `real mail, ${letters.length} messages` : "generated mail, because ../shared/data/mail/corpus.jsonl.gz is absent",
    async take(count, { least, most } = { least: 0, most: 64_000 }) {
      const fitting = letters.filter(({ length }) => length >= least && length <= most);
      const taken: Buffer[] = [];
      while (taken.length < count) taken.push(await signed(fitting[taken.length % fitting.length] as Buffer, ++serial));
      return taken;
    },
  };
}

function readCorpus(): readonly Buffer[] {
  const lines = gunzipSync(readFileSync(CORPUS)).toString().trim().split("\n");
  return lines.map((line) => Buffer.from((JSON.parse(line) as { raw_base64: string }).raw_base64, "base64"));
}

/** One message in 519 holds a NUL, which no door takes. */
async function readable(letters: readonly Buffer[]): Promise<readonly Buffer[]> {
  const opened = await Promise.all(letters.map(async (raw) => ({ raw, broken: isViolation(await openMail(raw)) })));
  return opened.filter(({ broken }) => !broken).map(({ raw }) => raw);
}

/** What the new sender and the new signature stand for, and what would make two copies one conversation. */
const REPLACED = new Set(["from", "sender", "message-id", "dkim-signature", "return-path", "in-reply-to", "references"]);

async function signed(letter: Buffer, serial: number): Promise<Buffer> {
  const { domain, selector, privateKey } = SENDER;
  const raw = rewritten(letter, serial);
  const key = { signingDomain: domain, selector, privateKey };
  const { signatures } = await dkimSign(raw, { canonicalization: "relaxed/relaxed", ...key, signatureData: [key] });
  return Buffer.concat([Buffer.from(signatures), raw]);
}

function rewritten(letter: Buffer, serial: number): Buffer {
  const end = letter.indexOf("\r\n\r\n");
  const fields = letter.toString("latin1", 0, end).split(/\r\n(?![ \t])/);
  const kept = fields.filter((field) => !REPLACED.has(field.slice(0, field.indexOf(":")).trim().toLowerCase()));
  const own = [`From: Sender <${senderOf(serial)}>`, `Message-ID: <${serial}.${process.pid}@${SENDER.domain}>`];
  return Buffer.concat([Buffer.from([...own, ...kept].join("\r\n"), "latin1"), letter.subarray(end)]);
}

/** Envelope and header sender of a message. */
export function senderOf(serial: number): string {
  return `sender${serial % SENDERS}@${SENDER.domain}`;
}

/** Sizes of real mail, from small to large. */
const GENERATED_SIZES = [1_000, 2_500, 3_500, 4_000, 4_800, 5_500, 7_000, 9_000, 10_500, 12_000, 30_000];
const SENTENCE = "Please find below what we said about the plan for the coming week, and tell me when it suits you.\r\n";

function generate(size: number): Buffer {
  const head = "To: assistant@acme.example\r\nSubject: The plan\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n";
  return Buffer.from(head + SENTENCE.repeat(Math.ceil((size - head.length) / SENTENCE.length)));
}
