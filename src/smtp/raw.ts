import type { TenantId } from "../model/ids.ts";
import type { Verdict } from "./answers.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Release } from "./slots.ts";
import type { Uses } from "./uses.ts";

/** Milliseconds a message without a decision keeps its raw from going with another mailbox's refusal. */
const UNDECIDED_MS = 10 * 60_000;

export interface Raw {
  readonly tenant: TenantId;
  readonly digest: string;
}

export function rawKey({ tenant, digest }: Raw): string {
  return `${tenant}/${digest}`;
}

/**
 * Ends a transaction's use of the raw bytes. What nobody took goes with the answer (DESIGN §6, `keepRefused` 0). A
 * deferred message keeps them: its judgement may still be running, or be recorded and not yet told. Never rejects.
 */
export async function letGo(
  { deps, uses }: { readonly deps: Pick<SmtpDeps, "store" | "blobs" | "log">; readonly uses: Uses },
  raw: Raw,
  verdict: Verdict | "protocol",
  release: Release,
): Promise<void> {
  if (verdict === "deferred") return void setTimeout(release, UNDECIDED_MS).unref();
  release();
  if (verdict === "accepted") return;
  try {
    await uses.retire(rawKey(raw), () => removeUnlessNeeded(deps, raw));
  } catch (error) {
    deps.log.error({ fault: faultCode(error) }, "raw of refused mail not removed");
  }
}

async function removeUnlessNeeded({ store, blobs }: Pick<SmtpDeps, "store" | "blobs">, { tenant, digest }: Raw): Promise<void> {
  if (await store.run("messages.references", { tenant, digest })) return;
  await blobs.remove(tenant, digest);
}
