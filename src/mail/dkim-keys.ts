import { createPublicKey } from "node:crypto";
import type { DNSResolver } from "mailauth";
import type { KeyCache } from "mailauth/lib/dkim/dkim-verifier.js";
import { getPublicKey, toALabel, type KeyOptions, type PublicKey } from "mailauth/lib/tools.js";

/** Records remembered, and the characters of one: a name server may answer anything. */
const MOST = 500;
const LONGEST = 4_096;

/** Keys by the record they were read from, oldest first. Per thread. */
const keys = new Map<string, PublicKey>();

/**
 * The keys one message asks for. DNS is asked for every message; what the answer means, which is a quarter of what a
 * signature costs, is worked out once a record: the same record read by the same rules is the same key.
 */
export function keysOf(resolver: DNSResolver): KeyCache {
  const asked = new Map<string, Promise<PublicKey>>();
  return {
    resolver,
    get(type, name, minBitLength, options) {
      const question = JSON.stringify([rules(minBitLength, options), name]);
      const known = asked.get(question);
      if (known !== undefined) return known;
      const key = look(resolver, type, name, minBitLength, options);
      // The library may ask ahead and never await.
      key.catch(() => undefined);
      asked.set(question, key);
      return key;
    },
  };
}

async function look(resolver: DNSResolver, ...question: Parameters<KeyCache["get"]>): Promise<PublicKey> {
  const [type, name, minBitLength, options] = question;
  const answer: unknown[] = await resolver(toALabel(name), "TXT");
  const record = JSON.stringify([rules(minBitLength, options), answer]);
  const known = keys.get(record);
  if (known !== undefined) return known;
  const key = await getPublicKey(type, name, minBitLength, async () => answer, options);
  return record.length > LONGEST ? key : remember(record, key);
}

function rules(minBitLength: number | undefined, { strict, hashAlgo }: KeyOptions = {}): readonly unknown[] {
  return [strict === true, minBitLength ?? null, hashAlgo ?? null];
}

function remember(record: string, read: PublicKey): PublicKey {
  const key = Object.freeze({ ...read, publicKey: createPublicKey(read.publicKey) });
  if (keys.size >= MOST) keys.delete(keys.keys().next().value as string);
  keys.set(record, key);
  return key;
}
