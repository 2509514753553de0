import { makeId, type Id } from "../model/ids.ts";
import type { HttpDeps } from "./deps.ts";

/** Names for the audit entry that an operation appends, and its time. */
export function freshEntry({ random, clock }: Pick<HttpDeps, "random" | "clock">): {
  readonly audit_id: Id<"aud">;
  readonly salt: string;
  readonly at: number;
} {
  return { audit_id: makeId("aud", random(16)), salt: Buffer.from(random(32)).toString("hex"), at: clock() };
}
