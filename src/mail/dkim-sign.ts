import { createHash, sign } from "node:crypto";
import type { HeaderField } from "./header.ts";
import { signingKey } from "./signing-key.ts";

/** RFC 6376 §3.5; RSA with SHA-256 and relaxed/relaxed, which every verifier knows. */
export interface DkimSigner {
  readonly domain: string;
  readonly selector: string;
  /** PKCS #8 PEM, RSA. */
  readonly private_key: string;
}

/**
 * What a reader shows, answers to or acts on. Each is signed once more than it occurs, so that nobody can add another
 * (RFC 6376 §8.15). mailauth signs only what is there, which is why this is written here; it verifies it in the tests.
 */
const OVERSIGNED = [
  "From",
  "To",
  "Cc",
  "Subject",
  "Date",
  "Message-ID",
  "In-Reply-To",
  "References",
  "Reply-To",
  "Auto-Submitted",
  "MIME-Version",
  "Content-Type",
  "Content-Transfer-Encoding",
  "Postern-Identity",
  "X-MultiMail-Identity",
  "AI-Disclosure",
];

/** The `DKIM-Signature` field without its last line end. `fields` are all of the message's, `bodyHash` is `relaxedBodyHash`. */
export function signDkim(fields: readonly HeaderField[], bodyHash: Buffer, signer: DkimSigner, at: number): string {
  const signed = OVERSIGNED.flatMap((name) => Array.from({ length: countOf(fields, name) + 1 }, () => name));
  const unsigned = [
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;",
    ` d=${checked(signer.domain)}; s=${checked(signer.selector)};`,
    ` t=${Math.floor(at / 1000)}; bh=${bodyHash.toString("base64")};`,
    ...foldList(` h=${signed.join(":")};`),
    " b=",
  ].join("\r\n");
  const data = signedFields(fields, signed).map(relaxed).join("") + relaxedLine(unsigned);
  const signature = sign("RSA-SHA256", Buffer.from(data), signingKey(signer.private_key)).toString("base64");
  return unsigned + (signature.match(/.{1,72}/g) ?? []).join("\r\n ");
}

function countOf(fields: readonly HeaderField[], name: string): number {
  return fields.filter((field) => field.name === name.toLowerCase()).length;
}

/** RFC 6376 §5.4.2: the last of a name first; a name that has no more fields stands for nothing. */
function signedFields(fields: readonly HeaderField[], names: readonly string[]): HeaderField[] {
  const left = fields.toReversed();
  return names.flatMap((name) => {
    const at = left.findIndex((field) => field.name === name.toLowerCase());
    return at === -1 ? [] : left.splice(at, 1);
  });
}

/** RFC 6376 §3.4.2. */
function relaxed({ name, value }: HeaderField): string {
  return `${name}:${collapse(value)}\r\n`;
}

/** The signature's own field, whose value of `b=` is not there yet and which has no line end. */
function relaxedLine(field: string): string {
  const colon = field.indexOf(":");
  return `${field.slice(0, colon).toLowerCase()}:${collapse(field.slice(colon + 1).replaceAll("\r\n", ""))}`;
}

function collapse(value: string): string {
  return value.replace(/[ \t]+/g, " ").trim();
}

const LIST_LINE = 72;

/** White space may stand after a colon of `h=`. */
function foldList(list: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const name of list.split(/(?<=:)/)) {
    if (line.length + name.length > LIST_LINE) {
      lines.push(line);
      line = " ";
    }
    line += name;
  }
  return [...lines, line];
}

/** A value that would end its tag would sign for somebody else. */
function checked(name: string): string {
  if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i.test(name)) return name;
  throw new TypeError("a signing domain or selector is not a domain name");
}

const [TAB, LF, CR, SPACE] = [0x09, 0x0a, 0x0d, 0x20];

/** SHA-256 of a body with CRLF line ends in the relaxed form of RFC 6376 §3.4.4: the `bh=` of a signature. One pass. */
export function relaxedBodyHash(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length + 2);
  let [at, breaks, spaced] = [0, 0, false];
  for (let from = 0; from < body.length; from++) {
    const byte = body[from] as number;
    if (byte === CR && body[from + 1] === LF) {
      from++;
      breaks++;
      spaced = false;
    } else if (byte === SPACE || byte === TAB) spaced = true;
    else {
      for (; breaks > 0; breaks--) at = endLine(out, at);
      if (spaced) out[at++] = SPACE;
      out[at++] = byte;
      spaced = false;
    }
  }
  // Empty lines at the end do not count, and a body of nothing else is empty.
  const end = at === 0 ? 0 : endLine(out, at);
  return createHash("sha256").update(out.subarray(0, end)).digest();
}

function endLine(out: Buffer, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}
