import type { Seal } from "./composer.ts";
import { formatDisclosure } from "./disclosure.ts";
import { relaxedBodyHash, signDkim } from "./dkim-sign.ts";
import { readFields, readHeader } from "./header.ts";
import { formatIdentityHeader } from "./identity-header-sign.ts";
import { boundParts } from "./identity-header.ts";
import { PosternError } from "../model/errors.ts";

/**
 * The bytes that leave (DESIGN §4.5): the closed list of fields in front of what was approved, DKIM over all of it on top.
 * INVARIANT: the approved bytes stand at the end, unchanged. The same seal gives the same bytes but for the identity's
 * signature, which ES256 makes anew each time.
 */
export function sealMail(mime: Buffer, seal: Seal): Buffer {
  const header = readHeader(mime);
  const bodyHash = relaxedBodyHash(mime.subarray(header.bodyOffset));
  const bound = boundParts(mime, header, bodyHash);
  if (bound === null) throw new PosternError("internal", "the frozen mail lacks what its identity is bound to");
  const prepended = [formatDate(seal.at), formatIdentityHeader(seal.identity, bound, seal.at), formatDisclosure(disclosureOf(seal))];
  const front = Buffer.from(prepended.map((field) => `${field}\r\n`).join(""));
  const signature = signDkim([...readFields(front), ...header.fields], bodyHash, seal.dkim, seal.at);
  return Buffer.concat([Buffer.from(`${signature}\r\n`), front, mime]);
}

function disclosureOf({ reviewed, identity, at }: Seal) {
  return { reviewed, operator: identity.operator, at };
}

/** RFC 5322 §3.3, in UTC. */
function formatDate(at: number): string {
  return `Date: ${new Date(at).toUTCString().replace("GMT", "+0000")}`;
}
