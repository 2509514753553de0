import type { BlobWriter } from "../blobs/blobs.ts";
import type { Answer } from "../gate.ts";
import { violation } from "../mail/limits.ts";
import type { Violation } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { Envelope, MessageSource, Verification } from "../model/message.ts";
import type { IntakeDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import { judge, type Judged } from "./judge.ts";
import { type Fate, letGo } from "./raw.ts";
import { perMailbox, type Routes } from "./recipient.ts";
import { verdictOf } from "./verdict.ts";

/** One message on its way in, whichever door it came through. */
export interface Arrival {
  readonly envelope: Omit<Envelope, "recipient">;
  /** In the order given. */
  readonly routes: Routes;
  readonly source: MessageSource;
  /** See {@link InboundInput.attested}. */
  readonly attested?: Verification;
}

/** Bytes that are written and not yet durable. */
export interface Taken {
  readonly writer: BlobWriter;
  /** SHA-256, hex. */
  readonly digest: string;
}

export interface SettleTerms {
  /** Mailboxes judged at once; at least 1. */
  readonly width: number;
  /** Milliseconds whoever hands the message over waits. */
  readonly answerMs: number;
  /** Work nobody need wait for; closing does. Must not reject. */
  readonly later: (work: Promise<void>) => void;
}

export type Settled =
  /** One per mailbox of the routes, in their order. */
  | { readonly kind: "judged"; readonly judged: readonly [Judged, ...Judged[]] }
  /** The bytes break a limit: nothing was judged. */
  | { readonly kind: "broken"; readonly violation: Violation }
  /** Nobody has judged in time. */
  | { readonly kind: "late" }
  | { readonly kind: "failed" };

/**
 * Makes the bytes durable, looks at their structure and has every mailbox's copy judged. INVARIANT: an acceptance is
 * returned only after the blob is durable and the decision recorded. Never rejects.
 */
export async function settle(deps: IntakeDeps, arrival: Arrival, taken: Taken, terms: SettleTerms): Promise<Settled> {
  const raw = { tenant: arrival.routes[0].tenant, digest: taken.digest };
  const release = await deps.uses.take(raw);
  const settled = await storeAndJudge(deps, arrival, taken.writer, terms).catch((error: unknown): Settled => {
    deps.log.error({ fault: faultCode(error) }, "message could not be judged");
    return { kind: "failed" };
  });
  terms.later(letGo(deps, raw, fateOf(settled), release));
  return settled;
}

function fateOf(settled: Settled): Fate {
  if (settled.kind !== "judged") return "unwanted";
  const answers = settled.judged.map(({ answer }) => answer);
  if (answers.some(isOpen)) return "open";
  return answers.some((answer) => verdictOf(answer) === "accepted") ? "taken" : "unwanted";
}

/** A recorded deferral has ended its run; without one the run may still come to a decision, and then needs the bytes. */
function isOpen(answer: Answer): boolean {
  return answer.kind === "deferred" && answer.reason !== "dns_unavailable" && answer.reason !== "on_limit";
}

async function storeAndJudge(deps: IntakeDeps, arrival: Arrival, writer: BlobWriter, terms: SettleTerms): Promise<Settled> {
  const { tenant } = arrival.routes[0];
  const received_at = deps.clock();
  const deadline = performance.now() + terms.answerMs;
  const ref = await committed(writer);
  const broken = await inTime(deps.reader.inspect({ tenant, ref }).catch(unreadable), deadline);
  if (broken === "late") return { kind: "late" };
  if (broken !== null) return { kind: "broken", violation: broken };
  const routes = perMailbox(arrival.routes);
  return { kind: "judged", judged: await judge(deps, { ...arrival, routes, ref, received_at, width: terms.width, deadline }) };
}

/** The sender's patience counts from the final dot, whatever the time went by for. */
async function inTime<T>(answer: Promise<T>, deadline: number): Promise<T | "late"> {
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), Math.max(0, deadline - performance.now()));
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What no reader gets through will not be readable later: a sender told 451 would come again for days. Bytes that we lost it may bring again. */
function unreadable(error: unknown): Violation {
  if (error instanceof PosternError && !error.temporary && error.code !== "not_found") return violation("unreadable");
  throw error;
}

async function committed(writer: BlobWriter): ReturnType<BlobWriter["commit"]> {
  try {
    return await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
