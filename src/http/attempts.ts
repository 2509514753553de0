import { DECISION_SECONDS, signDecisionToken } from "../grants/decision-token.ts";
import { holdWorkflowOf } from "../model/hold-workflow.ts";
import { PosternError } from "../model/errors.ts";
import type { HoldAction, HoldAnswer, HoldId, HoldRef, HoldRefusal, HoldWord } from "../model/hold.ts";
import { makeId, type MailboxId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { Caller } from "./auth.ts";
import type { HttpDeps } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { notFound } from "./problem.ts";

/** What a person does to something that waits. */
export interface Attempt {
  readonly hold: HoldId;
  readonly mailbox: MailboxId;
  readonly action: HoldAction;
  /** The person's words; null: none. */
  readonly reason: string | null;
  /** What the person saw; null: left out. */
  readonly content_hash: string | null;
  /** With `edit`: the new submission. */
  readonly edit?: MessageRef;
}

export type Accepted = Extract<HoldAnswer, { result: "accepted" }>;

/** One attempt through the workflow. Throws what a refusal is answered with; the attempt is recorded either way. */
export async function attempt(deps: HttpDeps, caller: Caller, wanted: Attempt): Promise<Accepted> {
  const answer = await ask(deps, caller, wanted);
  if (answer.result === "accepted") return answer;
  throw refusalProblem(answer.code);
}

/** The same, with a refusal as a value: for many at once. */
export async function ask(deps: HttpDeps, caller: Caller, wanted: Attempt): Promise<HoldAnswer> {
  const signed = await sign(deps, caller, wanted, DECISION_SECONDS.update);
  const answer = await deps.gate.decide(refOf(caller, wanted), wanted.action, signed);
  return answer ?? tooLate(deps, caller, wanted, signed);
}

/** Signs who does what to which content. The person's words go beside it, where no history sees them. */
export async function sign(deps: HttpDeps, caller: Caller, wanted: Attempt, seconds: number): Promise<HoldWord> {
  const { hold, action, reason, edit = null } = wanted;
  const content_hash = hashOrNone(wanted.content_hash);
  const [nonce, now] = [makeId("jti", deps.random(16)), deps.clock()];
  if (reason !== null) await deps.store.run("holds.note", { tenant: caller.tenant, hold, nonce, note: reason, at: now });
  const workflow = holdWorkflowOf(hold);
  const decided = { tenant: caller.tenant, hold, workflow, action, actor: caller.key.id, content_hash, edit };
  return { nonce, token: await signDecisionToken(deps.grants, decided, now, nonce, seconds) };
}

const HASH = /^[0-9a-f]{64}$/;

/** A caller may send any text as a hash; what is none fits nothing, and does not travel through histories (DESIGN §9.10). */
function hashOrNone(content_hash: string | null): string | null {
  return content_hash === null || HASH.test(content_hash) ? content_hash : "unreadable";
}

function refOf({ tenant }: Caller, { hold, mailbox }: Attempt): HoldRef {
  return { tenant, mailbox, hold };
}

/** No workflow waits for it any more: recorded here, because nobody else would (DESIGN §4.4). */
async function tooLate(deps: HttpDeps, caller: Caller, wanted: Attempt, { nonce }: HoldWord): Promise<HoldAnswer> {
  await record(deps, caller, wanted, nonce, "already_decided");
  return { result: "refused", code: "already_decided" };
}

/** An attempt that this door can tell counts for nothing: recorded and audited like those the workflow hears. */
export async function refuse(deps: HttpDeps, caller: Caller, wanted: Pick<Attempt, Told>, code: HoldRefusal): Promise<PosternError> {
  await record(deps, caller, wanted, makeId("jti", deps.random(16)), code);
  return refusalProblem(code);
}

type Told = "hold" | "action" | "content_hash";

async function record(deps: HttpDeps, caller: Caller, wanted: Pick<Attempt, Told>, nonce: string, code: HoldRefusal): Promise<void> {
  const { hold, action, content_hash } = wanted;
  await deps.store.run("holds.refused", {
    ...{ tenant: caller.tenant, hold, action, content_hash, nonce, code },
    actor: caller.key.id,
    via: "door",
    signed: true,
    trace: { workflow_id: holdWorkflowOf(hold), run_id: "", activity_id: "" },
    decision_id: makeId("dec", deps.random(16)),
    ...freshEntry(deps),
  });
}

/** The one translation of refusals at this door. */
export function refusalProblem(code: HoldRefusal): PosternError {
  const members = { reason: code };
  switch (code) {
    case "not_found":
      return notFound("draft or message that waits");
    case "already_decided":
      return new PosternError("already_decided", "it does not wait any more", {
        fix: "look at it again to see how it was decided: `postern pending show`, `GET /v1/pending/{id}`",
        members,
      });
    case "not_unknown":
      return new PosternError("conflict", "its fate is known", { fix: "look at its deliveries", members });
    case "content_hash_required":
      return new PosternError("content_hash_required", "it was edited: say which content you mean", {
        fix: "send the `content_hash` (`--hash`) of what you looked at",
        members,
      });
    case "content_stale":
      return new PosternError("content_stale", "it has changed since you looked", {
        fix: "look at it again and decide on what is there now",
        members,
      });
    case "reason_required":
      return new PosternError("invalid_request", "a rejection needs a reason", { fix: "say why in `reason` (`--reason`)", members });
    case "invalid_edit":
      return new PosternError("invalid_request", "the edit cannot be composed, or the policy would block it", {
        fix: "try it as a dry run to see why",
        members,
      });
    case "not_editable":
      return new PosternError("conflict", "mail that came in cannot be edited", { fix: "approve or reject it", members });
    case "already_approved":
      return new PosternError("already_decided", "this key has approved it already", { fix: "another approver is needed", members });
    case "not_an_approver":
    case "own_draft":
    case "key_revoked":
    case "token_missing":
    case "token_invalid":
    case "token_expired":
    case "token_used":
      return new PosternError("approval_refused", WHY[code], { fix: "decide with the key of an approver", members });
    default:
      return code satisfies never;
  }
}

const WHY = {
  not_an_approver: "this key is none of its approvers",
  own_draft: "nobody decides what they wrote or last edited",
  key_revoked: "this key was revoked",
  token_missing: "the decision is not signed",
  token_invalid: "the decision's token is not valid",
  token_expired: "the decision's token has expired",
  token_used: "the decision's token was used before",
} as const;
