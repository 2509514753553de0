import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import { PosternError } from "../model/errors.ts";

const VERSION = "v1";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Shortest secret accepted: it is expanded, not stretched, so it must be random to begin with. */
export const SECRET_KEY_LENGTH = 32;

/** An instance's secret key in use: `open` is the inverse of `seal` under the same name. */
export interface Sealer {
  seal(name: string, secret: Uint8Array): string;
  /** Throws `invalid_config` when the key is another one, or the text was changed or sealed under another name. */
  open(name: string, text: string): Buffer;
}

export function createSealer(secretKey: string, random: (bytes: number) => Uint8Array): Sealer {
  return {
    seal: (name, secret) => seal(secretKey, name, secret, random),
    open: (name, text) => unseal(secretKey, name, text),
  };
}

/**
 * Encrypts a recoverable secret (AES-256-GCM) for the store: `v1.<nonce>.<ciphertext and tag>`, base64url.
 *
 * Threat: whoever can read the database alone learns nothing; whoever can write it cannot put one secret in the place
 * of another, because the name is authenticated with the bytes. Whoever has `secretKey` as well has every secret.
 */
export function seal(secretKey: string, name: string, secret: Uint8Array, random: (bytes: number) => Uint8Array): string {
  const nonce = random(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", sealingKey(secretKey), nonce);
  cipher.setAAD(Buffer.from(name));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return [VERSION, Buffer.from(nonce).toString("base64url"), sealed.toString("base64url")].join(".");
}

/** Inverse of {@link seal}. Throws `invalid_config` when the key is another one or the text was changed. */
export function unseal(secretKey: string, name: string, text: string): Buffer {
  const [version, nonce, sealed] = text.split(".");
  if (version !== VERSION || nonce === undefined || sealed === undefined) throw doesNotOpen(name);
  try {
    return open(secretKey, name, Buffer.from(nonce, "base64url"), Buffer.from(sealed, "base64url"));
  } catch (cause) {
    throw doesNotOpen(name, cause);
  }
}

function open(secretKey: string, name: string, nonce: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", sealingKey(secretKey), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(name));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
}

function sealingKey(secretKey: string): Buffer {
  if (secretKey.length < SECRET_KEY_LENGTH) {
    throw new PosternError("invalid_config", `the secret key must have at least ${SECRET_KEY_LENGTH} characters`, {
      fix: "make one with `openssl rand -base64 32`",
    });
  }
  return Buffer.from(hkdfSync("sha256", secretKey, "", "postern-seal-v1", 32));
}

function doesNotOpen(name: string, cause?: unknown): PosternError {
  return new PosternError("invalid_config", `the secret key does not open the sealed secret \`${name}\` of this database`, {
    fix: "start with the POSTERN_SECRET_KEY (or the secret.key file) this database was first started with",
    cause,
  });
}
