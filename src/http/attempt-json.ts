import { z } from "@hono/zod-openapi";
import type { HoldId } from "../model/hold.ts";
import type { TenantId } from "../model/ids.ts";
import type { AttemptRow } from "../store/contract-outbound.ts";
import type { HttpDeps } from "./deps.ts";
import { timeOf } from "./paging.ts";

/** What somebody tried to do to a draft or to mail that waits, whether it counted or not. */
export const AttemptJson = z
  .object({
    action: z.string(),
    by: z.string(),
    via: z.enum(["update", "signal", "door"]),
    result: z.string().openapi({ description: "`accepted`, or why it counted for nothing." }),
    revision: z.int(),
    content_hash: z.string().nullable(),
    reason: z.string().nullable(),
    at: z.string(),
  })
  .openapi("HoldAttempt");

/** Oldest first. For people: the words are theirs, and agents never learn who looks at them. */
export async function attemptsOf({ store }: HttpDeps, tenant: TenantId, hold: HoldId): Promise<z.infer<typeof AttemptJson>[]> {
  return (await store.run("holds.attempts", { tenant, hold })).map(attemptJson);
}

function attemptJson({ action, actor, via, result, revision, content_hash, note, at }: AttemptRow): z.infer<typeof AttemptJson> {
  return { action, by: actor, via, result, revision, content_hash, reason: note, at: timeOf(at) };
}
