import type { DKIMVerifyResult, DNSResolver } from "mailauth";
import { DkimVerifier } from "mailauth/lib/dkim/dkim-verifier.js";
import { keysOf } from "./dkim-keys.ts";

export interface SignedMessage {
  readonly raw: Buffer;
  /** Offset of the first byte after the header's blank line. */
  readonly bodyOffset: number;
}

export type DkimResult = Pick<DKIMVerifyResult, "results" | "headerFrom" | "fromFields" | "arc">;

/**
 * `dkimVerify` of the library, strict, by the same steps without its stream, whose search for the end of the header and
 * for bare line feeds, byte by byte, takes as long as the verification. The caller knows both: messages with a bare CR or
 * LF are none here (`createIntakeScanner`).
 */
export async function verifyDkim({ raw, bodyOffset }: SignedMessage, resolver: DNSResolver, now: Date): Promise<DkimResult> {
  const verifier = new DkimVerifier({ resolver, strict: true, curTime: now });
  const keys = keysOf(resolver);
  verifier.keyCache = keys;
  verifier.arc.keyCache = keys;
  await verifier.emitHeaders(raw.subarray(0, bodyOffset));
  if (bodyOffset < raw.length) await verifier.nextChunk(raw.subarray(bodyOffset));
  await verifier.finalChunk();
  const { results, headerFrom, fromFields, arc } = verifier;
  return { results, headerFrom, fromFields, arc };
}
