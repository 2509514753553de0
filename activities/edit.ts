import type { HoldActor, HoldRef } from "../src/model/hold.ts";
import type { DraftId } from "../src/model/ids.ts";
import type { MessageRef } from "../src/model/message.ts";
import type { HoldAttempt } from "../src/store/contract-outbound.ts";
import type { OutboundDeps } from "./deps.ts";

/**
 * A person's text as the next revision, composed and screened again (DESIGN §4.4). Null: it cannot be composed, or today's
 * policy would not let it leave at all; then the draft stays as it was.
 */
export async function composeEdit(
  { store, freezer, screening }: OutboundDeps,
  { tenant, hold }: HoldRef,
  author: HoldActor,
  source: MessageRef,
): Promise<HoldAttempt["edit"]> {
  const draft = await store.run("drafts.get", { tenant, id: hold as DraftId });
  if (draft === null) return null;
  const named = { ...draft, draft: draft.id };
  const frozen = await freezer.freeze(named, { number: draft.revision.number + 1, source, author });
  if ("invalid" in frozen) return null;
  const { outcome } = await screening.judge(named, frozen.revision, frozen.content);
  return outcome === "blocked" ? null : frozen;
}
