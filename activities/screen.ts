import { PosternError } from "../src/model/errors.ts";
import type { HoldTimes } from "../src/model/hold.ts";
import type { DraftState, OutboundInput, RevisionRef, ScreenStep } from "../src/model/outbound.ts";
import type { Freezer } from "../src/screening/freeze.ts";
import type { Screening } from "../src/screening/screen.ts";
import type { Store, Trace } from "../src/store/contract.ts";
import type { DraftRow, RevisionContent, Screened, ScreeningFacts } from "../src/store/contract-outbound.ts";
import { freshNames } from "./budget.ts";
import { compose } from "./compose.ts";
import type { JustScreened } from "./just-screened.ts";

export interface ScreenDeps {
  readonly store: Store;
  readonly screening: Pick<Screening, "judge">;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

/**
 * The first screening: composes what was submitted, judges it and records the verdict. What it returns names nobody, because a
 * result stays in the history, where no address and no text may be (DESIGN §9.10).
 */
export async function screen(
  deps: ScreenDeps & { readonly freezer: Freezer; readonly justScreened: Pick<JustScreened, "put"> },
  input: OutboundInput,
  trace: Trace,
): Promise<ScreenStep> {
  const { revision, content } = await compose(deps, input);
  const { screened, facts } = await screenAt(deps, "submit", { input, revision, content }, trace);
  if (screened.kind === "decided" && screened.ready !== null && input.send_at === null)
    deps.justScreened.put(input.draft, { facts, ready: screened.ready, decision: screened.decision.id });
  return stepOf(screened, input);
}

/** One revision of a draft, about to be submitted or sent. */
interface Candidate {
  readonly input: OutboundInput;
  readonly revision: RevisionRef;
  readonly content: RevisionContent;
}

/** Judges by what holds now, and records. INVARIANT: the verdict is what the record says, the judgement was a proposal. */
async function screenAt(
  deps: ScreenDeps,
  stage: "submit" | "send",
  candidate: Candidate,
  trace: Trace,
): Promise<{ readonly screened: Screened; readonly facts: ScreeningFacts }> {
  const { input, revision, content } = candidate;
  const { refused: _, facts, ...proposed } = await deps.screening.judge(input, revision, content);
  const names = { ...freshNames(deps), at: proposed.at };
  return { facts, screened: await deps.store.run("outbound.screen", { ...candidate, ...proposed, ...names, stage, trace }) };
}

/**
 * What screening before sending came to, in codes and times. `hold`: it waits for people, anew or for the first time;
 * `wait`: not before `until` (epoch ms), or when woken; `over`: it came to an end, now or earlier.
 */
export type SendScreen =
  | { readonly kind: "go"; readonly revision: RevisionRef }
  | { readonly kind: "hold"; readonly times: HoldTimes }
  | { readonly kind: "wait"; readonly until: number }
  | { readonly kind: "over"; readonly state: DraftState };

/** The same for the revision a draft is at now, before it is sent (DESIGN §4.5). */
export async function screenSend(deps: ScreenDeps, input: OutboundInput, trace: Trace): Promise<SendScreen> {
  const { number, content_hash, mime, ...content } = (await draftOf(deps, input)).revision;
  const revision = { number, content_hash, mime };
  const { screened } = await screenAt(deps, "send", { input, revision, content }, trace);
  if (screened.kind === "stale") return { kind: "hold", times: screened.hold };
  if (screened.wait_until !== null) return { kind: "wait", until: screened.wait_until };
  const { state } = await draftOf(deps, input);
  return state === "queued" || state === "sending" ? { kind: "go", revision } : { kind: "over", state };
}

async function draftOf({ store }: ScreenDeps, { tenant, draft }: OutboundInput): Promise<DraftRow> {
  const row = await store.run("drafts.get", { tenant, id: draft });
  if (row === null) throw new PosternError("not_found", "there is no such draft");
  return row;
}

function stepOf(screened: Screened, { send_at }: OutboundInput): ScreenStep {
  if (screened.kind === "stale") return { kind: "hold", times: screened.hold };
  const { outcome, reason } = screened.decision;
  switch (outcome) {
    case "blocked":
      return { kind: "blocked", reason };
    case "rate_limited":
      return { kind: "limited", reason };
    case "pending_send_approval":
      return { kind: "hold", times: timesOf(screened) };
    case "queued":
    case "sending":
      return { kind: "go", quick: send_at === null };
    case "rejected":
    case "expired":
    case "cancelled":
      throw new PosternError("internal", `a screening at submit came to \`${outcome}\``);
    default:
      return outcome satisfies never;
  }
}

function timesOf({ hold }: Extract<Screened, { kind: "decided" }>) {
  if (hold === null) throw new PosternError("internal", "a draft waits for people without a hold");
  return hold;
}
