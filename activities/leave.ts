import { PosternError } from "../src/model/errors.ts";
import type { DraftState, OutboundInput, SendStep, Since } from "../src/model/outbound.ts";
import type { Trace } from "../src/store/contract.ts";
import type { DraftRow, SendLook } from "../src/store/contract-outbound.ts";
import { freshNames } from "./budget.ts";
import type { OutboundDeps } from "./deps.ts";
import type { JustScreened } from "./just-screened.ts";
import { screenSend, type SendScreen } from "./screen.ts";
import { send, type Pulse, type SendDeps, type SendResult } from "./send.ts";

/** RFC 5321 §4.5.4.1: give up after four to five days; wait longer from try to try, at most about an hour. */
const GIVE_UP_MS = 5 * 86_400_000;
const LONGEST_PAUSE_MS = 4_000_000;

/** Milliseconds before looking again at what moved while it was looked at, and how often that is done at once. */
const MOVED_MS = 1_000;
const AT_ONCE = 3;

export interface LeaveDeps extends OutboundDeps, Omit<SendDeps, keyof OutboundDeps> {
  readonly justScreened: Pick<JustScreened, "take">;
}

/** One go at letting a draft leave: tried as it is; where that no longer fits, judged again, which says what becomes of it. */
export async function leave(deps: LeaveDeps, input: OutboundInput, since: Since, pulse: Pulse, trace: Trace): Promise<SendStep> {
  for (let go = 0; go < AT_ONCE; go += 1) {
    const look = await lookAt(deps, input);
    const { draft } = look;
    const early = untilDue(deps, draft);
    if (early > 0) return { kind: "again", after_ms: early, tried: false };
    const known = recorded(input, draft);
    const result = await send(deps, known, look, pulse, trace);
    if (result.kind !== "stale") return stepOf(deps, known, draft, since, result, trace);
    const screened = await screenSend(deps, known, trace);
    if (screened.kind !== "go") return waitingOf(deps, input, since, screened, trace);
  }
  return { kind: "again", after_ms: MOVED_MS, tried: false };
}

/** milliseconds until its time; whoever may signal or start workflows cannot make it leave earlier. */
function untilDue({ clock }: OutboundDeps, { state, send_at }: DraftRow): number {
  return state === "queued" && send_at !== null ? send_at - clock() : 0;
}

/** INVARIANT: judged is what was recorded. Threat: whoever may start workflows could call a draft a copy, or say that it answers nothing. */
function recorded(input: OutboundInput, { mailbox, message, thread, kind, author, in_reply_to }: DraftRow): OutboundInput {
  return { ...input, mailbox, message, thread, kind, author, in_reply_to };
}

async function stepOf(
  deps: OutboundDeps,
  input: OutboundInput,
  draft: DraftRow,
  since: Since,
  result: Exclude<SendResult, { kind: "stale" }>,
  trace: Trace,
): Promise<SendStep> {
  switch (result.kind) {
    case "done":
      return { kind: "done", state: result.state, copy: wantsCopy(draft, result.state) };
    case "retry":
      return isOver(deps, since)
        ? finish(deps, input, "retries_over", trace)
        : { kind: "again", after_ms: pauseOf(deps, since), tried: true };
    case "wait":
      return waitingOf(deps, input, since, result, trace);
    case "unknown":
    case "late":
      return result;
    case "stopped":
      return finish(deps, input, result.reason, trace);
    default:
      return result satisfies never;
  }
}

function waitingOf(
  deps: OutboundDeps,
  input: OutboundInput,
  since: Since,
  waiting: Exclude<SendScreen, { kind: "go" }>,
  trace: Trace,
): SendStep | Promise<SendStep> {
  switch (waiting.kind) {
    case "hold":
      return { kind: "hold", times: waiting.times };
    case "over":
      return { kind: "done", state: waiting.state, copy: false };
    case "wait":
      if (isOver(deps, since)) return finish(deps, input, "retries_over", trace);
      return { kind: "again", after_ms: Math.max(1, waiting.until - deps.clock()), tried: false };
    default:
      return waiting satisfies never;
  }
}

function isOver({ clock }: OutboundDeps, { at }: Since): boolean {
  return clock() - at >= GIVE_UP_MS;
}

/** Twice as long from try to try. */
function pauseOf({ retryMs }: OutboundDeps, { tries }: Since): number {
  return Math.min(LONGEST_PAUSE_MS, retryMs * 2 ** Math.min(tries, 30));
}

async function finish(deps: OutboundDeps, { tenant, draft }: OutboundInput, reason: string, trace: Trace): Promise<SendStep> {
  const { at, audit_id, salt } = freshNames(deps);
  const { state } = await deps.store.run("sends.finish", { tenant, draft, state: "failed", reason, trace, at, audit_id, salt });
  switch (state) {
    case "unknown":
      return { kind: "unknown" };
    // Put before people a moment ago: looked at again at once, which says until when.
    case "pending_send_approval":
    case "queued":
    case "sending":
      return { kind: "again", after_ms: MOVED_MS, tried: false };
    case "sent":
    case "delivered":
    case "bounced":
    case "complained":
    case "blocked":
    case "rejected":
    case "expired":
    case "cancelled":
    case "failed":
      return { kind: "done", state, copy: false };
    default:
      return state satisfies never;
  }
}

/** MM-05; the copy of a copy would be one without end. */
function wantsCopy({ mode, kind }: DraftRow, state: DraftState): boolean {
  return state === "sent" && mode === "monitored" && kind === "draft";
}

async function lookAt({ store, clock, justScreened }: LeaveDeps, { tenant, draft }: OutboundInput): Promise<SendLook> {
  const just = justScreened.take(draft);
  const row = just === null ? null : await store.run("drafts.get", { tenant, id: draft });
  // Put before people meanwhile, and back already, it has another decision.
  if (just !== null && row?.state === "queued" && row.decision === just.decision) return { ...just, draft: row };
  const look = await store.run("sends.look", { tenant, draft, at: clock() });
  if (look === null) throw new PosternError("not_found", "there is no such draft");
  return look;
}
