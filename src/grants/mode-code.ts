import { createHash } from "node:crypto";
import { crockford } from "../model/ids.ts";

const CODE_BYTES = 20;
const GROUP = /.{8}/g;

/** How long a code may be used, in milliseconds (MM-28). */
export const MODE_CODE_MS = 24 * 60 * 60 * 1000;

/** `code` is shown to the operator once; `hash` is what the store keeps. */
export interface ModeCode {
  readonly code: string;
  readonly hash: string;
}

/** 160 random bits as four groups of eight Crockford characters: too many to guess, so a plain SHA-256 is enough at rest. */
export function makeModeCode(random: (bytes: number) => Uint8Array): ModeCode {
  const code = crockford(random(CODE_BYTES)).match(GROUP)!.join("-");
  return { code, hash: hashModeCode(code) };
}

/** SHA-256 of the code as a person may have typed it, lower-case hex: case, dashes and white space say nothing. */
export function hashModeCode(code: string): string {
  return createHash("sha256").update(code.toLowerCase().replaceAll(/[\s-]/g, "")).digest("hex");
}
