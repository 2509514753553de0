import type { Readable } from "node:stream";
import { faultCode } from "../intake/fault.ts";
import type { Judged } from "../intake/judge.ts";
import { keepReceipts, type Told } from "../intake/receipts.ts";
import { perMailbox, type Route, type Routes } from "../intake/recipient.ts";
import { type Arrival, settle as settleArrival, type Settled } from "../intake/settle.ts";
import type { Release, Slots } from "../intake/slots.ts";
import type { Verdict } from "../intake/verdict.ts";
import { createIntakeScanner } from "../mail/limits.ts";
import { formatReply, type Reply, REPLY, replyTo, replyToViolation } from "./answers.ts";
import { combine } from "./combine.ts";
import type { SmtpDeps } from "./deps.ts";
import { type Intake, takeIn } from "./intake.ts";
import type { SmtpLimits } from "./limits.ts";
import type { SmtpMetrics } from "./metrics.ts";

export type Protocol = "smtp" | "lmtp";

export interface TransactionTerms {
  readonly deps: SmtpDeps;
  readonly limits: SmtpLimits;
  readonly metrics: SmtpMetrics;
  readonly judgements: Slots;
  readonly protocol: Protocol;
  /** Work the peer need not wait for; closing does. Must not reject. */
  readonly later: (work: Promise<void>) => void;
}

/** One message on its way in: what the peer said before DATA. */
export interface Mail extends Pick<Arrival, "envelope" | "routes"> {
  /** Whom a bound per peer counts; null for relays that carry many. */
  readonly peer: string | null;
  /** Who is told: the client, or where that is unknown who brings its mail. */
  readonly told: string;
}

/** One for each recipient, in the order of the routes. SMTP tells the first of them, which is the same for all. */
export type Replies = readonly [Reply, ...Reply[]];

interface Ending {
  /** `protocol`: ended by the door before anybody judged. */
  readonly verdict: Verdict | "protocol";
  readonly replies: Replies;
  readonly judged: readonly Judged[];
}

/**
 * Takes one message from DATA to its replies (DESIGN §3). INVARIANT: a 250 is returned only after the blob is durable and
 * the decision of every recipient it is for is recorded. Rejects only when the peer is gone before the dot.
 */
export async function receive(terms: TransactionTerms, mail: Mail, stream: Readable): Promise<Replies> {
  const { deps, limits, metrics } = terms;
  const tenant = mail.routes[0].tenant;
  const scanner = createIntakeScanner({ ...limits.message, size: limits.size });
  const intake = await takeIn(stream, { size: limits.size, scanner, create: () => deps.blobs.create(tenant) });
  const dot = performance.now();
  const ending = intake.kind === "refused" ? turnedDown(terms, mail, intake) : await settle(terms, mail, intake);
  metrics.answered(ending.verdict, (performance.now() - dot) / 1000);
  deps.log.info(factsOf(ending, performance.now() - dot), "message answered");
  return ending.replies;
}

type Taken = Extract<Intake, { kind: "taken" }>;

function turnedDown({ deps }: TransactionTerms, mail: Mail, { reply, fault }: Extract<Intake, { kind: "refused" }>): Ending {
  if (fault !== undefined) deps.log.error({ fault: faultCode(fault) }, "message could not be stored");
  return byTheDoor(mail, reply);
}

function byTheDoor({ routes }: Mail, reply: Reply): Ending {
  return { verdict: "protocol", replies: each(routes, () => reply), judged: [] };
}

/** Bounds come before the commit: what will not be judged is not worth an fsync. */
async function settle(terms: TransactionTerms, mail: Mail, taken: Taken): Promise<Ending> {
  const slots = takeSlots(terms.judgements, mail);
  if (slots.length === 0) {
    await taken.writer.abort();
    return byTheDoor(mail, REPLY.busy);
  }
  try {
    const { deps, limits, later, protocol: source } = terms;
    const settled = await settleArrival(deps, { ...mail, source }, taken, { width: slots.length, answerMs: limits.answerMs, later });
    return end(terms, mail, settled);
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

function end(terms: TransactionTerms, mail: Mail, settled: Settled): Ending {
  switch (settled.kind) {
    case "judged":
      return answered(terms, mail, settled.judged);
    case "broken":
      return byTheDoor(mail, replyToViolation(settled.violation));
    case "late":
      return byTheDoor(mail, REPLY.undecided);
    case "failed":
      return byTheDoor(mail, REPLY.unavailable);
    default:
      return settled satisfies never;
  }
}

/** RFC 2033 §4.2: LMTP answers each recipient for itself, so one that refuses does not ride on another that accepts. */
function answered({ deps, protocol, later }: TransactionTerms, mail: Mail, judged: readonly [Judged, ...Judged[]]): Ending {
  const { verdict, reply } = combine(judged);
  const of = judgementOf(mail.routes, judged);
  const replies = each(mail.routes, (route) => (protocol === "lmtp" ? replyTo(of(route).answer, of(route).message, "2.1.5") : reply));
  later(keepReceipts(deps, toldOf(mail, of, replies)));
  return { verdict, replies, judged };
}

function judgementOf(routes: Routes, judged: readonly [Judged, ...Judged[]]): (route: Route) => Judged {
  const mailboxes = perMailbox(routes).map(({ mailbox }) => mailbox);
  return ({ mailbox }) => judged[mailboxes.indexOf(mailbox)] ?? judged[0];
}

function toldOf({ envelope, routes, told }: Mail, of: (route: Route) => Judged, replies: Replies): Told {
  const about = routes.map((route, index) => ({ route, message: of(route).message, reply: formatReply(replies[index] ?? replies[0]) }));
  return { peer: told, helo: envelope.helo, sender: envelope.sender, about };
}

function each([first, ...rest]: Routes, reply: (route: Route) => Reply): Replies {
  return [reply(first), ...rest.map(reply)];
}

function factsOf({ verdict, replies, judged }: Ending, ms: number): Readonly<Record<string, unknown>> {
  const [{ code, enhanced }] = replies;
  return { verdict, code, enhanced, messages: judged.map(({ message }) => message), ms: Math.round(ms) };
}
