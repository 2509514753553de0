import { foldRecipient } from "../model/fold.ts";
import type { RecipientKind, Submission } from "../model/outbound.ts";
import { parseRecipient } from "./compose-recipients.ts";

/**
 * MB-06: whether an answer goes to nobody but the sender of what it answers. Whoever may only answer may write no other, or a
 * mail of its own would pass for an answer. What is no address reaches nobody: it is refused when the draft is composed.
 */
export function goesBack({ to, cc, bcc }: Pick<Submission, RecipientKind>, answered: { readonly from: string | null }): boolean {
  const sender = answered.from === null ? null : foldedOf(answered.from);
  return [...to, ...cc, ...bcc].map(foldedOf).every((address) => address === null || address === sender);
}

function foldedOf(entry: string): string | null {
  const read = parseRecipient(entry.trim());
  return "address" in read ? foldRecipient(read.address) : null;
}
