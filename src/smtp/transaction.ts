import type { Readable } from "node:stream";
import type { BlobWriter } from "../blobs/blobs.ts";
import type { Answer } from "../gate.ts";
import { createIntakeScanner, violation } from "../mail/limits.ts";
import type { Violation } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { Envelope } from "../model/message.ts";
import { type Reply, REPLY, replyToViolation, type Verdict } from "./answers.ts";
import { combine, type Judged } from "./combine.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import { type Intake, takeIn } from "./intake.ts";
import { judge } from "./judge.ts";
import type { SmtpLimits } from "./limits.ts";
import type { SmtpMetrics } from "./metrics.ts";
import { keepReceipts, type Told } from "./receipts.ts";
import { type Fate, letGo } from "./raw.ts";
import { perMailbox, type Routes } from "./route.ts";
import type { Release, Slots } from "./slots.ts";

export interface TransactionTerms {
  readonly deps: SmtpDeps;
  readonly limits: SmtpLimits;
  readonly metrics: SmtpMetrics;
  readonly judgements: Slots;
  /** Work the peer need not wait for; closing does. Must not reject. */
  readonly later: (work: Promise<void>) => void;
}

/** One message on its way in: what the peer said before DATA. */
export interface Mail {
  readonly envelope: Omit<Envelope, "recipient">;
  /** Whom a bound per peer counts; null for relays that carry many. */
  readonly peer: string | null;
  /** All of one tenant, in the order given. */
  readonly routes: Routes;
}

interface Ending {
  /** `protocol`: ended by the door before anybody judged. */
  readonly verdict: Verdict | "protocol";
  readonly reply: Reply;
  readonly judged: readonly Judged[];
}

/**
 * Takes one message from DATA to its reply (DESIGN §3). INVARIANT: a 250 is returned only after the blob is durable and
 * every recipient's decision is recorded. Rejects only when the peer is gone before the dot.
 */
export async function receive(terms: TransactionTerms, mail: Mail, stream: Readable): Promise<Reply> {
  const { deps, limits, metrics } = terms;
  const tenant = mail.routes[0].tenant;
  const scanner = createIntakeScanner({ ...limits.message, size: limits.size });
  const intake = await takeIn(stream, { size: limits.size, scanner, create: () => deps.blobs.create(tenant) });
  const dot = performance.now();
  const ending = intake.kind === "refused" ? turnedDown(terms, intake) : await settle(terms, mail, intake);
  metrics.answered(ending.verdict, (performance.now() - dot) / 1000);
  deps.log.info(factsOf(ending, performance.now() - dot), "message answered");
  return ending.reply;
}

type Taken = Extract<Intake, { kind: "taken" }>;

function turnedDown({ deps }: TransactionTerms, { reply, fault }: Extract<Intake, { kind: "refused" }>): Ending {
  if (fault !== undefined) deps.log.error({ fault: faultCode(fault) }, "message could not be stored");
  return byTheDoor(reply);
}

function byTheDoor(reply: Reply): Ending {
  return { verdict: "protocol", reply, judged: [] };
}

/** Bounds come before the commit: what will not be judged is not worth an fsync. */
async function settle(terms: TransactionTerms, mail: Mail, taken: Taken): Promise<Ending> {
  const slots = takeSlots(terms.judgements, mail);
  if (slots.length === 0) {
    await taken.writer.abort();
    return byTheDoor(REPLY.busy);
  }
  try {
    return await judgeOnce(terms, mail, taken, slots.length);
  } finally {
    for (const release of slots) release();
  }
}

/** As many places as there are mailboxes, or fewer: one is enough to begin, and the copies then take turns. */
function takeSlots(judgements: Slots, { routes, peer }: Mail): readonly Release[] {
  const wanted = perMailbox(routes).length;
  const slots: Release[] = [];
  while (slots.length < wanted) {
    const slot = judgements.take(peer);
    if (slot === null) break;
    slots.push(slot);
  }
  return slots;
}

async function judgeOnce(terms: TransactionTerms, mail: Mail, taken: Taken, width: number): Promise<Ending> {
  const raw = { tenant: mail.routes[0].tenant, digest: taken.digest };
  const release = await terms.deps.uses.take(raw);
  const ending = await storeAndJudge(terms, mail, taken.writer, width).catch((error: unknown) => {
    terms.deps.log.error({ fault: faultCode(error) }, "message could not be judged");
    return byTheDoor(REPLY.unavailable);
  });
  terms.later(letGo(terms.deps, raw, fateOf(ending), release));
  return ending;
}

function fateOf({ verdict, judged }: Ending): Fate {
  if (judged.some(({ answer }) => isOpen(answer))) return "open";
  return verdict === "accepted" ? "taken" : "unwanted";
}

/** A recorded deferral has ended its run; without one the run may still come to a decision, and then needs the bytes. */
function isOpen(answer: Answer): boolean {
  return answer.kind === "deferred" && answer.reason !== "dns_unavailable" && answer.reason !== "on_limit";
}

async function storeAndJudge(terms: TransactionTerms, mail: Mail, writer: BlobWriter, width: number): Promise<Ending> {
  const { deps, limits } = terms;
  const tenant = mail.routes[0].tenant;
  const received_at = deps.clock();
  const deadline = performance.now() + limits.answerMs;
  const ref = await committed(writer);
  const broken = await inTime(deps.reader.inspect({ tenant, ref }).catch(unreadable), deadline);
  if (broken === "late") return byTheDoor(REPLY.undecided);
  if (broken !== null) return byTheDoor(replyToViolation(broken));
  const { envelope } = mail;
  const judged = await judge(deps, { ref, envelope, routes: perMailbox(mail.routes), received_at, width, deadline });
  const { verdict, reply } = combine(judged);
  terms.later(keepReceipts(deps, { envelope, about: recipientsOf(mail.routes, judged), reply }));
  return { verdict, reply, judged };
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

function recipientsOf(routes: Routes, judged: readonly Judged[]): Told["about"] {
  const mailboxes = perMailbox(routes).map(({ mailbox }) => mailbox);
  return routes.flatMap((route) => {
    const found = judged[mailboxes.indexOf(route.mailbox)];
    return found === undefined ? [] : [{ route, judged: found }];
  });
}

function factsOf({ verdict, reply, judged }: Ending, ms: number): Readonly<Record<string, unknown>> {
  return { verdict, code: reply.code, enhanced: reply.enhanced, messages: judged.map(({ message }) => message), ms: Math.round(ms) };
}
