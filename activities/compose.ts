import { PosternError } from "../src/model/errors.ts";
import type { OutboundInput } from "../src/model/outbound.ts";
import type { Freezer, Frozen } from "../src/screening/freeze.ts";

/** Freezes what the agent itself wrote as the first revision; later ones are people's. */
export async function compose({ freezer }: { readonly freezer: Freezer }, input: OutboundInput): Promise<Frozen> {
  const { source, author } = input;
  const frozen = await freezer.freeze(input, { number: 1, source, author });
  if ("revision" in frozen) return frozen;
  // The door has composed it before it submitted it, so this is code that is stricter than the door's.
  throw new PosternError("invalid_request", "the draft cannot be composed");
}
