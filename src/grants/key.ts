import { createHash } from "node:crypto";
import { crockford } from "../model/ids.ts";

const PREFIX = "pst_live_";
const SECRET_BYTES = 20;

/** An access key: `key` is shown to its owner once, `hash` is what the store keeps, `masked` is what people see later. */
export interface AccessKey {
  readonly key: string;
  readonly hash: string;
  readonly masked: string;
}

/** `pst_live_` and 32 Crockford characters (160 random bits): too many to guess, so a plain SHA-256 is enough at rest. */
export function makeKey(random: (bytes: number) => Uint8Array): AccessKey {
  return accessKey(PREFIX + crockford(random(SECRET_BYTES)));
}

/** The same for a key that an operator brings along. */
export function accessKey(key: string): AccessKey {
  return { key, hash: hashKey(key), masked: maskKey(key) };
}

/** SHA-256 of the whole key, lower-case hex. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** `pst_live_…a3f`: enough to tell two keys apart, useless to whoever reads it. */
function maskKey(key: string): string {
  const prefix = key.startsWith(PREFIX) ? PREFIX : "";
  return `${prefix}…${key.slice(-3)}`;
}
