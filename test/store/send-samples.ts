import type { PolicyPin } from "../../src/model/decision.ts";
import type { DraftId } from "../../src/model/ids.ts";
import type {
  SendClaim,
  SendLook,
  SendOpened,
  SendOpening,
  SendRecord,
  SendSettlement,
  SendTerms,
  ScreenProposal,
} from "../../src/store/contract-outbound.ts";
import { attemptOf } from "./hold-samples.ts";
import { fresh, letterOf, openOutboundWorld, screen, setMode, to, type Letter, type OutboundWorld } from "./outbound-samples.ts";
import { HOUR, newId, NOON } from "./samples.ts";

export const ANN = "ann@acme.example";
export const BEN = "Ben@other.example";

/** When the drafts of these tests are sent. */
export const SENT = NOON + HOUR;

/** Of a mailbox without one. */
export const NO_POLICY: PolicyPin = { id: "pol_0000000000000000", version: 0, digest: "d".repeat(64) };

/** A mailbox whose mail goes without people. */
export async function openSendingWorld(): Promise<OutboundWorld> {
  const world = await openOutboundWorld();
  setMode(world, "autonomous");
  return world;
}

/** A draft that may go. */
export async function queued(world: OutboundWorld, letter: Letter = {}): Promise<ScreenProposal> {
  const proposal = letterOf(world, { recipients: to(ANN, BEN), ...letter });
  await screen(world.store, proposal);
  return proposal;
}

export function termsOf({ input, revision, trace }: ScreenProposal, changes: Partial<SendTerms> = {}): SendTerms {
  const { tenant, draft } = input;
  const judged = { policy: NO_POLICY, mode: "autonomous", approval: false, caps: { perHour: 50, perDay: 500 } } as const;
  return { tenant, draft, content_hash: revision.content_hash, ...judged, trace, at: SENT, ...changes };
}

export function open({ store }: OutboundWorld, letter: ScreenProposal, changes: Partial<SendOpening> = {}): Promise<SendOpened> {
  return store.run("sends.open", { ...termsOf(letter), ...fresh(), ...changes });
}

export async function lookAt({ store }: OutboundWorld, { input: { tenant, draft } }: ScreenProposal): Promise<SendLook> {
  const look = await store.run("sends.look", { tenant, draft, at: SENT });
  if (look === null) throw new Error("no such draft");
  return look;
}

/** The number of the attempt; fails when there is none. */
export async function opened(world: OutboundWorld, letter: ScreenProposal, changes: Partial<SendOpening> = {}): Promise<number> {
  const answer = await open(world, letter, changes);
  if (answer.kind !== "open") throw new Error(`stopped: ${answer.why}`);
  return answer.attempt;
}

export function claimOf(letter: ScreenProposal, attempt: number, changes: Partial<SendClaim> = {}): SendClaim {
  return { ...termsOf(letter), ...fresh(), attempt, on_record: true, accepted: [ANN, BEN], decision_id: newId("dec"), ...changes };
}

export function claim({ store }: OutboundWorld, letter: ScreenProposal, attempt: number, changes: Partial<SendClaim> = {}) {
  return store.run("sends.claim", claimOf(letter, attempt, changes));
}

/** Attempt opened and claimed; fails when it is not. */
export async function claimed(world: OutboundWorld, letter: ScreenProposal, changes: Partial<SendClaim> = {}): Promise<number> {
  const attempt = await opened(world, letter);
  const answer = await claim(world, letter, attempt, changes);
  if (!answer.claimed) throw new Error(`not claimed: ${answer.why}`);
  return attempt;
}

/** `said`: recipient and code; null: no answer. */
export function record(
  { store }: OutboundWorld,
  { input, revision, trace }: ScreenProposal,
  attempt: number,
  end: SendRecord["end"],
  said: Readonly<Record<string, number | null>>,
  changes: Partial<SendRecord> = {},
) {
  const { tenant, draft } = input;
  const replies = Object.entries(said).map(([recipient, code]) => ({ recipient, code, ...wordsOf(code) }));
  const of = { tenant, draft, content_hash: revision.content_hash, attempt, on_record: true, claim: null };
  return store.run("sends.record", { ...of, end, replies, trace, at: SENT + 1000, ...fresh(), ...changes });
}

function wordsOf(code: number | null): { enhanced: string | null; text: string } {
  if (code === null) return { enhanced: null, text: "connection closed" };
  const enhanced = `${Math.floor(code / 100)}.1.1`;
  return { enhanced, text: `${enhanced} said` };
}

export function settlementOf(
  world: OutboundWorld,
  draft: DraftId,
  action: "resend" | "settle",
  changes: Partial<SendSettlement["attempt"]> & Pick<SendSettlement, "as"> = {},
): SendSettlement {
  const { as, actor = world.approver, ...rest } = changes;
  const attempt = attemptOf(world, draft, action, actor, { at: SENT + HOUR, ...rest });
  return { tenant: world.tenant, draft, action, attempt, ...(as === undefined ? {} : { as }) };
}

export function draftOf({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("drafts.get", { tenant, id: input.draft });
}

/** Recipient, state and code, by recipient. */
export async function fates({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  const rows = await store.run("drafts.deliveries", { tenant, draft: input.draft });
  return Object.fromEntries(rows.map(({ recipient, state, code }) => [recipient, code === null ? state : `${state} ${code}`]));
}
