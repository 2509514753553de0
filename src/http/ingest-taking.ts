import { createHash } from "node:crypto";
import { keepReceipts } from "../intake/receipts.ts";
import { findMailbox, mailboxCandidates, perMailbox, type Route, type Routes } from "../intake/recipient.ts";
import { settle, type Settled, type Taken } from "../intake/settle.ts";
import type { Release } from "../intake/slots.ts";
import { createIntakeScanner, MAIL_LIMITS } from "../mail/limits.ts";
import type { Violation } from "../mail/reader.ts";
import type { InboundOutcome } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import { makeId, type DecisionId, type MessageId } from "../model/ids.ts";
import { sees, type Caller } from "./auth.ts";
import { createDenialRate } from "./denial-rate.ts";
import type { HttpDeps } from "./deps.ts";
import type { Letter } from "./ingest-letter.ts";

/** What became of a message for one recipient. */
export type Taking =
  | {
      readonly kind: "judged";
      readonly to: string;
      readonly message: MessageId;
      readonly agent_id: string;
      /** `deferred`: no final decision yet; the same item again asks for it. */
      readonly outcome: InboundOutcome;
      readonly decision: DecisionId | null;
    }
  | { readonly kind: "failed"; readonly to: string | null; readonly error: PosternError };

export type TakeIn = (caller: Caller, letter: Letter, answerMs: number) => Promise<readonly Taking[]>;

/**
 * Takes a message in as the mail doors do: limits, durable bytes, the gate (PB-08). One result for each recipient, in
 * order. Rejects for what is wrong with the whole message; nothing of it is kept then.
 */
export function createTakeIn(deps: HttpDeps): TakeIn {
  const audit = createUnknown(deps);
  return async (caller, letter, answerMs) => {
    await refuseOwn(deps, caller, letter);
    const found = await Promise.all(letter.recipients.map((recipient) => routeOf(deps, caller, recipient)));
    const [first, ...rest] = found.filter((route) => route !== null);
    const judged = first === undefined ? [] : await judgedOf(deps, caller, letter, [first, ...rest], answerMs);
    const takings: Taking[] = [];
    for (const to of letter.recipients) takings.push(judged.find((taking) => taking.to === to) ?? (await audit(caller, to)));
    return takings;
  };
}

/** an agent's own address in a From that nobody proved would be answered as the agent's own word, by the next agent. */
async function refuseOwn({ store }: HttpDeps, { tenant }: Caller, { claimed }: Letter): Promise<void> {
  const owner = claimed === null ? null : await findMailbox(store, mailboxCandidates(claimed, ""));
  if (owner?.tenant !== tenant) return;
  throw new PosternError("invalid_request", "`from` is a mailbox of this instance, and nobody has verified it", {
    fix: "ingest what others write; what an agent writes is sent with `POST /v1/mailboxes/{id}/send`",
    problems: [{ path: "from", message: "is a mailbox of this instance" }],
  });
}

/** Another tenant's mailbox, and one the key is not for, is as unknown as one that is not there (MB-18). */
async function routeOf({ store }: HttpDeps, caller: Caller, recipient: string): Promise<Route | null> {
  const found = await findMailbox(store, mailboxCandidates(recipient, ""));
  const isTheirs = found !== null && found.tenant === caller.tenant && sees(caller, found.mailbox);
  return isTheirs ? { ...found, recipient } : null;
}

async function judgedOf(deps: HttpDeps, caller: Caller, letter: Letter, routes: Routes, answerMs: number): Promise<readonly Taking[]> {
  const slots = takeSlots(deps, perMailbox(routes).length);
  try {
    const taken = await write(deps, caller, letter.bytes);
    const terms = { width: slots.length, answerMs, later: (work: Promise<void>) => void work };
    const settled = await settle(deps, { ...letter, routes }, taken, terms);
    return await takingsOf(deps, caller, letter, routes, settled);
  } finally {
    for (const release of slots) release();
  }
}

function unfit({ limit, text }: Violation): PosternError {
  return new PosternError("invalid_request", `the message cannot be taken: ${text}`, {
    fix: limit === "bare_lf" ? "send CRLF line ends" : "correct it where it is made; it would be refused by mail as well",
  });
}

/** One is enough to begin; the copies then take turns. Never waits: the caller comes again. */
function takeSlots({ intake }: HttpDeps, wanted: number): readonly Release[] {
  const slots: Release[] = [];
  while (slots.length < wanted) {
    const slot = intake.judgements.take(null);
    if (slot === null) break;
    slots.push(slot);
  }
  if (slots.length === 0) throw later("too many messages are being judged");
  return slots;
}

/** Bytes at once: others have their turn between two blocks of a large message. */
const BLOCK = 256 * 1024;

/** The same limits as during DATA; what breaks one leaves no trace. */
async function write({ blobs, intake }: HttpDeps, { tenant }: Caller, bytes: Buffer): Promise<Taken> {
  if (bytes.length > intake.size) throw tooLarge(intake.size);
  const writer = await blobs.create(tenant);
  try {
    const scanner = createIntakeScanner({ ...MAIL_LIMITS, size: intake.size });
    const hash = createHash("sha256");
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const block = bytes.subarray(at, at + BLOCK);
      scanner.write(block);
      hash.update(block);
      await writer.write(block);
    }
    const broken = scanner.end();
    if (broken !== null) throw unfit(broken);
    return { writer, digest: hash.digest("hex") };
  } catch (error) {
    await writer.abort().catch(() => undefined);
    throw error;
  }
}

async function takingsOf(deps: HttpDeps, caller: Caller, letter: Letter, routes: Routes, settled: Settled): Promise<readonly Taking[]> {
  switch (settled.kind) {
    case "judged":
      return await judgedTakings(deps, caller, letter, routes, settled.judged);
    case "broken":
      throw unfit(settled.violation);
    case "late":
      throw later("nobody has judged the message in time");
    case "failed":
      throw later("the message could not be stored or judged");
    default:
      return settled satisfies never;
  }
}

type JudgedOnes = Extract<Settled, { kind: "judged" }>["judged"];

async function judgedTakings(
  deps: HttpDeps,
  caller: Caller,
  letter: Letter,
  routes: Routes,
  judged: JudgedOnes,
): Promise<readonly Taking[]> {
  const mailboxes = perMailbox(routes).map(({ mailbox }) => mailbox);
  const takings = await Promise.all(
    routes.map(async ({ recipient: to, tenant, mailbox }): Promise<Extract<Taking, { kind: "judged" }>> => {
      const { message, answer } = judged[mailboxes.indexOf(mailbox)] ?? judged[0];
      const agent_id = (await deps.store.run("mailboxes.get", { tenant, id: mailbox }))?.agent_id ?? "";
      if (answer.kind === "deferred") return { kind: "judged", to, message, agent_id, outcome: "deferred", decision: null };
      const { outcome, id: decision } = answer.decision;
      return { kind: "judged", to, message, agent_id, outcome, decision };
    }),
  );
  const about = takings.map(({ message, outcome }, index) => ({ route: routes[index] ?? routes[0], message, reply: `ingest ${outcome}` }));
  void keepReceipts(deps, { peer: letter.envelope.ip || caller.key.id, helo: letter.envelope.helo, sender: letter.envelope.sender, about });
  return takings;
}

function later(what: string): PosternError {
  return new PosternError("unavailable", what, { temporary: true, fix: "send it again: the same bytes are the same message" });
}

function tooLarge(size: number): PosternError {
  return new PosternError("payload_too_large", `a message has at most ${size} bytes here`, {
    fix: "have large attachments sent by a link, or ask an operator to take more (`POSTERN_LIMIT_MESSAGE_SIZE`)",
  });
}

const RETENTION_DAYS = 90;

/** PB-07: an unknown recipient is audited, a list of guesses no further than a key may deny. */
function createUnknown(deps: HttpDeps): (caller: Caller, to: string) => Promise<Taking> {
  const rate = createDenialRate(deps.clock);
  return async (caller, to) => {
    try {
      rate(caller.key.id);
    } catch {
      return { kind: "failed", to, error: tooManyUnknown() };
    }
    await record(deps, caller, to);
    return { kind: "failed", to, error: new PosternError("not_found", "no such mailbox", { fix: "`GET /v1/mailboxes` lists them" }) };
  };
}

async function record({ store, random, clock }: HttpDeps, caller: Caller, to: string): Promise<void> {
  await store.run("audit.append", {
    id: makeId("aud", random(16)),
    tenant: caller.tenant,
    at: clock(),
    action: "ingest.unknown_recipient",
    actor: caller.actor,
    message: null,
    mailbox: null,
    facts: { reason: "unknown_recipient" },
    details: { to },
    salt: Buffer.from(random(16)).toString("hex"),
    retentionDays: RETENTION_DAYS,
  });
}

function tooManyUnknown(): PosternError {
  return new PosternError("too_many_requests", "too many unknown recipients with this key", {
    temporary: true,
    fix: "correct the list of recipients, and go on in a minute",
  });
}
