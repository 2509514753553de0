import { PosternError } from "../src/model/errors.ts";
import type { OutboundInput, RevisionRef, ScreenStep } from "../src/model/outbound.ts";
import type { Freezer } from "../src/screening/freeze.ts";
import type { Judgement, Screening } from "../src/screening/screen.ts";
import type { Store, Trace } from "../src/store/contract.ts";
import type { RevisionContent, Screened } from "../src/store/contract-outbound.ts";
import { freshNames } from "./budget.ts";
import { firstWriting } from "./compose.ts";

export interface ScreenDeps {
  readonly store: Store;
  readonly screening: Screening;
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
}

/** The first screening: judges what was composed and records the verdict. What it returns names nobody. */
export async function screen(
  deps: ScreenDeps & { readonly freezer: Freezer },
  input: OutboundInput,
  revision: RevisionRef,
  trace: Trace,
): Promise<ScreenStep> {
  const content = await deps.freezer.recall(input, firstWriting(input), revision);
  const { screened } = await screenAt(deps, "submit", { input, revision, content }, trace);
  return stepOf(screened);
}

/** One revision of a draft, about to be submitted or sent. */
export interface Candidate {
  readonly input: OutboundInput;
  readonly revision: RevisionRef;
  readonly content: RevisionContent;
}

/** Judges by what holds now, and records. INVARIANT: the verdict is what the record says, the judgement was a proposal. */
export async function screenAt(
  deps: ScreenDeps,
  stage: "submit" | "send",
  candidate: Candidate,
  trace: Trace,
): Promise<{ readonly judgement: Judgement; readonly screened: Screened }> {
  const { input, revision, content } = candidate;
  const judgement = await deps.screening.judge(input, revision, content);
  const { refused: _, ...proposed } = judgement;
  const names = { ...freshNames(deps), at: judgement.at };
  const screened = await deps.store.run("outbound.screen", { ...candidate, ...proposed, ...names, stage, trace });
  return { judgement, screened };
}

function stepOf(screened: Screened): ScreenStep {
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
      return { kind: "go" };
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
