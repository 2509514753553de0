import type { BlobName } from "../blobs/name.ts";
import type { IntakeDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Release } from "./slots.ts";

/** Milliseconds a message without a decision keeps its raw from going with another mailbox's refusal. */
const UNDECIDED_MS = 10 * 60_000;

/** Whether anybody will ask for the bytes: somebody took them, nobody did, or a judgement may still be running. */
export type Fate = "taken" | "unwanted" | "open";

/**
 * Ends a transaction's use of the raw bytes. What nobody took goes with the answer (DESIGN §6, `keepRefused` 0), also
 * where the sender is asked to come again: it brings them along. While a judgement is open they stay. Never rejects.
 */
export async function letGo(
  deps: Pick<IntakeDeps, "store" | "blobs" | "uses" | "log">,
  raw: BlobName,
  fate: Fate,
  release: Release,
): Promise<void> {
  if (fate === "open") return void setTimeout(release, UNDECIDED_MS).unref();
  release();
  if (fate === "taken") return;
  try {
    await deps.uses.retire(raw, () => removeUnlessNeeded(deps, raw));
  } catch (error) {
    deps.log.error({ fault: faultCode(error) }, "raw of refused mail not removed");
  }
}

async function removeUnlessNeeded({ store, blobs }: Pick<IntakeDeps, "store" | "blobs">, { tenant, digest }: BlobName): Promise<void> {
  if (await store.run("messages.references", { tenant, digest })) return;
  await blobs.remove(tenant, digest);
}
