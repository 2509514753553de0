import type { BlobName } from "../blobs/name.ts";
import type { Verdict } from "./answers.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Release } from "./slots.ts";

/** Milliseconds a message without a decision keeps its raw from going with another mailbox's refusal. */
const UNDECIDED_MS = 10 * 60_000;

/**
 * Ends a transaction's use of the raw bytes. What nobody took goes with the answer (DESIGN §6, `keepRefused` 0). A
 * deferred message keeps them: its judgement may still be running, or be recorded and not yet told. Never rejects.
 */
export async function letGo(
  deps: Pick<SmtpDeps, "store" | "blobs" | "uses" | "log">,
  raw: BlobName,
  verdict: Verdict | "protocol",
  release: Release,
): Promise<void> {
  if (verdict === "deferred") return void setTimeout(release, UNDECIDED_MS).unref();
  release();
  if (verdict === "accepted") return;
  try {
    await deps.uses.retire(raw, () => removeUnlessNeeded(deps, raw));
  } catch (error) {
    deps.log.error({ fault: faultCode(error) }, "raw of refused mail not removed");
  }
}

async function removeUnlessNeeded({ store, blobs }: Pick<SmtpDeps, "store" | "blobs">, { tenant, digest }: BlobName): Promise<void> {
  if (await store.run("messages.references", { tenant, digest })) return;
  await blobs.remove(tenant, digest);
}
