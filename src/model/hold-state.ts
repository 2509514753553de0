import type { HoldActor, HoldKind, HoldRefusal, HoldStatus } from "./hold.ts";
import type { KeyId } from "./ids.ts";

// The state machine of everything that waits for people (DESIGN §4.4), total: every event in every state is accepted or
// refused with a code. INVARIANT: `approved` is reached only by `approve`, and only with a quorum of different approvers
// of today, none of whom wrote or last edited it, for exactly the content that waits. Time never approves.

export interface HoldState {
  readonly kind: HoldKind;
  readonly status: HoldStatus;
  /** From 1. */
  readonly revision: number;
  readonly content_hash: string;
  /** Of the first revision; null for inbound mail. */
  readonly writer: HoldActor | null;
  /** Of the revision that waits: who edited last. */
  readonly author: HoldActor | null;
  readonly approvals: readonly Approval[];
  readonly reminded: boolean;
  readonly escalated: boolean;
  /** Epoch milliseconds. From then on nobody decides. */
  readonly expires_at: number;
}

export interface Approval {
  readonly actor: HoldActor;
  readonly content_hash: string;
}

/**
 * What documents and keys say today. Of the keys it is enough to list those that act or have approved. Threat: whoever
 * fills this in decides who may decide.
 */
export interface HoldRules {
  readonly quorum: number;
  /** Unsigned attempts count, all of them together as one approver. */
  readonly trust_namespace: boolean;
  /** May approve, reject and edit. */
  readonly approvers: readonly KeyId[];
  readonly cancellers: readonly KeyId[];
  readonly revoked: readonly KeyId[];
}

interface Attempt {
  readonly actor: HoldActor;
  /** By a token of this instance, which names the actor. */
  readonly signed: boolean;
  /** What the actor saw; null: left out. */
  readonly content_hash: string | null;
  readonly at: number;
}

export type HoldAttemptEvent =
  | (Attempt & { readonly type: "approve" | "cancel" })
  | (Attempt & { readonly type: "reject"; readonly has_reason: boolean })
  /** `revision`: the next one, composed; null: it cannot be composed. */
  | (Attempt & { readonly type: "edit"; readonly revision: { readonly number: number; readonly content_hash: string } | null });

export type HoldEvent =
  | HoldAttemptEvent
  | { readonly type: "remind" | "escalate" | "expire"; readonly at: number }
  /** The approval no longer fits today's documents (DESIGN §4.5). */
  | { readonly type: "reopen"; readonly expires_at: number };

/** Accepted with the very state it came to when it changes nothing: a timer that comes late, early or twice. */
export type HoldVerdict =
  { readonly result: "accepted"; readonly state: HoldState } | { readonly result: "refused"; readonly code: HoldRefusal };

/** The server that runs the timer and the worker that tells its time may differ by so much, in milliseconds. */
const TIMER_SKEW = 60_000;

export function transition(state: HoldState, rules: HoldRules, event: HoldEvent): HoldVerdict {
  switch (event.type) {
    case "approve":
    case "reject":
    case "edit":
    case "cancel": {
      const code = refusalOf(state, rules, event);
      return code === null ? carryOut(state, rules, event) : { result: "refused", code };
    }
    case "remind":
      return accepted(state.status === "waiting" && !state.reminded ? { ...state, reminded: true } : state);
    case "escalate":
      return accepted(state.status === "waiting" && !state.escalated ? { ...state, escalated: true } : state);
    case "expire":
      return accepted(state.status === "waiting" && event.at + TIMER_SKEW >= state.expires_at ? { ...state, status: "expired" } : state);
    case "reopen":
      if (state.kind !== "send" || state.status !== "approved") return { result: "refused", code: "already_decided" };
      return accepted({
        ...state,
        status: "waiting",
        approvals: [],
        reminded: false,
        escalated: false,
        expires_at: event.expires_at,
      });
    default:
      return event satisfies never;
  }
}

/** Who stands behind the content that waits, as of today: what a quorum is counted from, at deciding and again at sending. */
export function standingApprovals(state: HoldState, rules: HoldRules): readonly HoldActor[] {
  const standing = state.approvals.filter(
    ({ actor, content_hash }) => content_hash === state.content_hash && !isOwn(state, actor) && mayDecide(rules, actor),
  );
  return [...new Set(standing.map(({ actor }) => actor))];
}

/** Never true for a quorum that is no number; at least one person for one that is too small. */
export function hasQuorum(state: HoldState, rules: HoldRules): boolean {
  return standingApprovals(state, rules).length >= Math.max(1, rules.quorum);
}

/** True when `at` is past its end though no timer has said so yet. */
export function isOverdue(state: Pick<HoldState, "status" | "expires_at">, at: number): boolean {
  return state.status === "waiting" && at >= state.expires_at;
}

// The order is that of the answers: who asks comes before what there is, so that a stranger learns nothing of it.
function refusalOf(state: HoldState, rules: HoldRules, event: HoldAttemptEvent): HoldRefusal | null {
  return forged(rules, event) ?? unentitled(state, rules, event) ?? late(state, event) ?? wanting(state, event);
}

function forged(rules: HoldRules, { actor, signed }: Attempt): HoldRefusal | null {
  if (signed) return actor === "namespace" ? "token_invalid" : null;
  return actor === "namespace" && rules.trust_namespace ? null : "token_missing";
}

function unentitled(state: HoldState, rules: HoldRules, { type, actor }: HoldAttemptEvent): HoldRefusal | null {
  if (isKey(actor) && rules.revoked.includes(actor)) return "key_revoked";
  switch (type) {
    case "approve":
      if (isOwn(state, actor)) return "own_draft";
      return mayDecide(rules, actor) ? null : "not_an_approver";
    case "reject":
    case "edit":
      return mayDecide(rules, actor) ? null : "not_an_approver";
    case "cancel":
      return state.kind === "send" && mayCancel(rules, actor) ? null : "not_an_approver";
    default:
      return type satisfies never;
  }
}

function late(state: HoldState, { at }: Attempt): HoldRefusal | null {
  return state.status !== "waiting" || isOverdue(state, at) ? "already_decided" : null;
}

function wanting(state: HoldState, event: HoldAttemptEvent): HoldRefusal | null {
  switch (event.type) {
    case "approve":
      return otherContent(state, event);
    case "reject":
      return event.has_reason ? otherContent(state, event) : "reason_required";
    case "edit":
      if (state.kind !== "send") return "not_editable";
      return otherContent(state, event) ?? badEdit(state, event.revision);
    case "cancel":
      // Who takes a draft back means it whatever it says by now.
      return null;
    default:
      return event satisfies never;
  }
}

function otherContent(state: HoldState, { content_hash }: Attempt): HoldRefusal | null {
  if (content_hash === null) return state.revision > 1 ? "content_hash_required" : null;
  return content_hash === state.content_hash ? null : "content_stale";
}

/** An edit that changes nothing would only take the editor out of the quorum. */
function badEdit(state: HoldState, next: { readonly number: number; readonly content_hash: string } | null): HoldRefusal | null {
  if (next === null || next.content_hash === state.content_hash) return "invalid_edit";
  return next.number === state.revision + 1 ? null : "content_stale";
}

function carryOut(state: HoldState, rules: HoldRules, event: HoldAttemptEvent): HoldVerdict {
  switch (event.type) {
    case "approve":
      return approve(state, rules, event.actor);
    case "reject":
      return accepted({ ...state, status: "rejected" });
    case "edit":
      return accepted({ ...state, ...edited(event), author: event.actor, approvals: [] });
    case "cancel":
      return accepted({ ...state, status: "cancelled" });
    default:
      return event satisfies never;
  }
}

function edited({ revision }: HoldAttemptEvent & { readonly type: "edit" }): Partial<Pick<HoldState, "revision" | "content_hash">> {
  return revision === null ? {} : { revision: revision.number, content_hash: revision.content_hash };
}

/** A second word of the same approver says nothing new, unless fewer have to agree by now. */
function approve(state: HoldState, rules: HoldRules, actor: HoldActor): HoldVerdict {
  const { content_hash } = state;
  const repeated = standingApprovals(state, rules).includes(actor);
  const next = repeated ? state : { ...state, approvals: [...state.approvals, { actor, content_hash }] };
  if (hasQuorum(next, rules)) return accepted({ ...next, status: "approved" });
  return repeated ? { result: "refused", code: "already_approved" } : accepted(next);
}

function accepted(state: HoldState): HoldVerdict {
  return { result: "accepted", state };
}

/** Nobody approves what they wrote or last edited. */
function isOwn({ writer, author }: HoldState, actor: HoldActor): boolean {
  return actor === writer || actor === author;
}

function mayDecide(rules: HoldRules, actor: HoldActor): boolean {
  return isKey(actor) ? rules.approvers.includes(actor) && !rules.revoked.includes(actor) : rules.trust_namespace;
}

function mayCancel(rules: HoldRules, actor: HoldActor): boolean {
  return isKey(actor) ? rules.cancellers.includes(actor) : rules.trust_namespace;
}

function isKey(actor: HoldActor): actor is KeyId {
  return actor !== "namespace";
}
