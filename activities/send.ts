import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Blobs } from "../src/blobs/blobs.ts";
import type { MailComposer, Seal } from "../src/mail/composer.ts";
import { contentHash } from "../src/mail/content-hash.ts";
import { PosternError } from "../src/model/errors.ts";
import type { DraftState, Mode, OutboundInput } from "../src/model/outbound.ts";
import type { Store, Trace } from "../src/store/contract.ts";
import type {
  RevisionRow,
  ScreeningFacts,
  ScreenProposal,
  SendAttempt,
  SendBar,
  SendLook,
  SendRecord,
  SendTerms,
} from "../src/store/contract-outbound.ts";
import type { Outgoing, Transport, TransportResult } from "../src/transports/transport.ts";
import { freshNames } from "./budget.ts";
import type { ActivityDeps } from "./deps.ts";
import { faultOf } from "./failures.ts";

export interface SendDeps extends Pick<ActivityDeps, "clock" | "random" | "onFault"> {
  readonly store: Store;
  readonly blobs: Pick<Blobs, "get">;
  readonly composer: Pick<MailComposer, "seal">;
  readonly transport: Transport;
  /** By today's policy and what SQL says now; what counts is checked again in the claim. */
  readonly judge: (input: OutboundInput, revision: RevisionRow, facts: ScreeningFacts | null) => Promise<SendJudgement>;
  /** The keys that sign for the domain of `sender`, and what the mailbox's identity says in this mode. */
  readonly signers: (input: OutboundInput, mode: Mode, sender: string) => Promise<Pick<Seal, "dkim" | "identity">>;
}

/** What screening says, as far as sending depends on it. */
export type SendJudgement = Pick<ScreenProposal, "outcome" | "mode" | "caps" | "policy">;

/** The activity's own life: told of by heartbeats, and asked to end by `signal`, which only does before the claim. */
export interface Pulse {
  readonly heartbeat: () => void;
  readonly signal: AbortSignal;
  /** True: when it was asked to end, nothing is recorded, and another go begins at once. */
  readonly isQuick?: boolean;
}

/**
 * What one go at sending came to, in codes and times.
 * `done`: nobody is left to be tried. `retry`: somebody is, by the workflow's timer. `wait`: not before `until` (epoch ms), or
 * when woken. `stale`: today's policy, keys or lists do not fit; screen again, which says what becomes of the draft.
 * `unknown`: a person must say what became of it. `late`: a quick go that was asked to end. `stopped`: it can never leave; end it with this reason.
 */
export type SendResult =
  | { readonly kind: "done"; readonly state: DraftState }
  | { readonly kind: "retry" }
  | { readonly kind: "wait"; readonly until: number }
  | { readonly kind: "stale" }
  | { readonly kind: "unknown" }
  | { readonly kind: "late" }
  | { readonly kind: "stopped"; readonly reason: "content_missing" | "content_changed" };

/** Milliseconds between two heartbeats, and after which a stopped draft looks again unless it is woken. */
const HEARTBEAT = 5_000;
const LOOK_AGAIN = 600_000;

/**
 * One attempt to let a draft leave. INVARIANT (NY-15): the one place in Postern where a transport is asked to send; and what it
 * is given ends with exactly the bytes that were approved (DESIGN §9.6). `look` is what the draft was a moment ago; that it is
 * something else by now is found in the claim.
 */
export async function send(deps: SendDeps, input: OutboundInput, look: SendLook, pulse: Pulse, trace: Trace): Promise<SendResult> {
  const { revision } = look.draft;
  const judged = await deps.judge(input, revision, look.facts);
  if (judged.outcome === "blocked" || judged.outcome === "rate_limited") return { kind: "stale" };
  const mime = await deps.blobs.get(input.tenant, revision.mime.digest);
  if (mime === null) return { kind: "stopped", reason: "content_missing" };
  if (hashOf(input, revision, mime) !== revision.content_hash) return { kind: "stopped", reason: "content_changed" };
  const terms = termsOf(input, revision, judged, trace);
  const opened = (terms.approval ? null : look.ready) ?? (await deps.store.run("sends.open", { ...terms, ...namesOf(deps) }));
  if (opened.kind === "stopped") return resultOf(opened, opened.state, deps.clock());
  return carry(deps, { input, revision, mime, terms, opened }, pulse);
}

/** Of the bytes as they are now and of the recipients as they are kept. */
function hashOf({ tenant, mailbox }: OutboundInput, { envelope_sender, recipients }: RevisionRow, bytes: Buffer): string {
  const mime = createHash("sha256").update(bytes).digest("hex");
  return contentHash({ tenant, mailbox, envelope_sender, recipients, mime });
}

type Terms = Omit<SendTerms, "at">;

function termsOf(input: OutboundInput, { content_hash }: RevisionRow, judged: SendJudgement, trace: Trace): Terms {
  const { tenant, draft } = input;
  const { outcome, mode, caps, policy } = judged;
  return { tenant, draft, content_hash, policy, mode, approval: outcome === "pending_send_approval", caps, trace };
}

function namesOf(deps: SendDeps) {
  const { at, audit_id, salt } = freshNames(deps);
  return { at, audit_id, salt };
}

/**
 * A worker that died in the middle of a long transaction is noticed by its silence. What is quick says nothing: a beat is a
 * write of Temporal's, and one of the store's.
 */
async function inPulse<T>(beat: () => void, work: () => Promise<T>): Promise<T> {
  const beating = setInterval(beat, HEARTBEAT);
  return work().finally(() => clearInterval(beating));
}

interface Attempt {
  readonly input: OutboundInput;
  readonly revision: RevisionRow;
  readonly mime: Buffer;
  readonly terms: Terms;
  readonly opened: SendAttempt;
}

async function carry(deps: SendDeps, attempt: Attempt, pulse: Pulse): Promise<SendResult> {
  const { input, terms, opened } = attempt;
  const { attempt: number, on_record } = opened;
  const { signal, isQuick = false } = pulse;
  let bar: SendBar | null = null;
  let claimed = false;
  let asked: SendRecord["claim"] = null;
  const claim = async (accepted: readonly string[]): Promise<boolean> => {
    const names = freshNames(deps);
    asked = names.audit_id;
    const answer = await deps.store.run("sends.claim", { ...terms, ...names, attempt: number, on_record, accepted });
    claimed = answer.claimed;
    if (!answer.claimed) bar = answer;
    return claimed;
  };
  const speak = (): Promise<TransportResult> =>
    deps.transport.send(outgoingOf(deps, attempt, signal), claim).catch((error: unknown) => {
      onFault(deps, error);
      // Rejected before the claim nothing was said; if it ever is afterwards, nobody knows.
      return unanswered(opened, claimed ? "unknown" : "failed_before_data");
    });
  const beat = (): void => {
    pulse.heartbeat();
    if (claimed && asked !== null) carryOn(deps, terms, asked);
  };
  return inPulse(beat, async () => {
    const result = await speak();
    if (bar !== null) return resultOf(bar, await stateOf(deps, input), deps.clock());
    // A claim that was asked may have been granted, whatever came of the answer.
    if (isQuick && signal.aborted && asked === null) return { kind: "late" };
    const { tenant, draft, content_hash, trace } = terms;
    const made = { tenant, draft, content_hash, attempt: number, on_record, claim: asked };
    const { state, retry } = await record(deps, { ...made, trace, ...result, ...namesOf(deps) });
    if (state === "unknown") return { kind: "unknown" };
    return retry ? { kind: "retry" } : { kind: "done", state };
  });
}

/** Not waited for: the peer is at it, and what was not said now is said in a moment. */
function carryOn(deps: SendDeps, { draft }: Terms, claim: string): void {
  deps.store.run("sends.carry", { draft, claim, at: deps.clock() }).catch((error: unknown) => onFault(deps, error));
}

function onFault(deps: SendDeps, error: unknown): void {
  const { code, where } = faultOf(error);
  deps.onFault({ activity: "send", code, where });
}

async function stateOf({ store }: SendDeps, { tenant, draft }: OutboundInput): Promise<DraftState> {
  return (await store.run("drafts.get", { tenant, id: draft }))?.state ?? "failed";
}

function outgoingOf(deps: SendDeps, attempt: Attempt, signal: AbortSignal): Outgoing {
  const { tenant, mailbox, draft } = attempt.input;
  const { attempt: number, envelope_sender: sender, recipients } = attempt.opened;
  return {
    envelope: { sender, recipients },
    bytes: () => sealed(deps, attempt),
    signal,
    name: { tenant, mailbox, draft, attempt: number },
  };
}

async function sealed(deps: SendDeps, { input, revision, mime, terms, opened }: Attempt): Promise<Buffer> {
  const { reviewed, envelope_sender } = opened;
  const signers = await deps.signers(input, terms.mode, envelope_sender);
  const bytes = await deps.composer.seal(
    { tenant: input.tenant, ref: revision.mime, bytes: mime },
    { at: deps.clock(), reviewed, ...signers },
  );
  if (bytes.subarray(-mime.length).equals(mime)) return bytes;
  throw new PosternError("internal", "what was sealed does not end with what was approved");
}

function unanswered({ recipients }: Attempt["opened"], end: TransportResult["end"]): TransportResult {
  return { end, replies: recipients.map((recipient) => ({ recipient, code: null, enhanced: null, text: "not sent" })) };
}

/** Milliseconds between two tries. What the peer said is known here alone: lost, it is `unknown` for ever. */
const PAUSES = [50, 200, 500, 1_000, 2_000, 5_000];

async function record(deps: SendDeps, given: SendRecord) {
  for (const ms of PAUSES) {
    try {
      return await deps.store.run("sends.record", given);
    } catch (error) {
      if (!faultOf(error).temporary) throw error;
      await pause(ms);
    }
  }
  return deps.store.run("sends.record", given);
}

function resultOf({ why, until }: SendBar, state: DraftState, at: number): SendResult {
  switch (why) {
    case "done":
    case "cancelled":
      return { kind: "done", state };
    case "unknown":
      return { kind: "unknown" };
    case "lost":
      return { kind: "retry" };
    case "stopped":
      return { kind: "wait", until: at + LOOK_AGAIN };
    case "limit":
    case "carried":
      return { kind: "wait", until: until ?? at + LOOK_AGAIN };
    case "mode":
    case "suppressed":
    case "author_revoked":
    case "not_approved":
    case "rejudge":
      return { kind: "stale" };
    default:
      return why satisfies never;
  }
}
