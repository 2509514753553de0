import { PosternError } from "../src/model/errors.ts";
import type { OutboundInput, RevisionRef } from "../src/model/outbound.ts";
import type { Freezer, Writing } from "../src/screening/freeze.ts";

/**
 * Freezes what was submitted as the first revision. Only its reference is returned, because a result stays in the history,
 * where no address and no text may be (DESIGN §9.10): whoever needs the rest recalls it.
 */
export async function compose({ freezer }: { readonly freezer: Freezer }, input: OutboundInput): Promise<RevisionRef> {
  const frozen = await freezer.freeze(input, firstWriting(input));
  if ("revision" in frozen) return frozen.revision;
  // The door has composed it before it submitted it, so this is code that is stricter than the door's.
  throw new PosternError("invalid_request", "the draft cannot be composed");
}

/** What the agent itself wrote; later revisions are people's. */
export function firstWriting({ source, author }: OutboundInput): Writing {
  return { number: 1, source, author };
}
