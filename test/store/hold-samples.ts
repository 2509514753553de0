import { createHash } from "node:crypto";
import type { Decision } from "../../src/model/decision.ts";
import type { HoldAction, HoldActor, HoldAnswer, HoldId } from "../../src/model/hold.ts";
import { idBody, type DraftId, type KeyId, type MailboxId } from "../../src/model/ids.ts";
import type { InboundProposal, Scope } from "../../src/store/contract.ts";
import type { HoldAttempt, HoldTimer, Screened, ScreenProposal } from "../../src/store/contract-outbound.ts";
import { blobOf, fresh, GATED, letterOf, screenedAgain, setMode, to } from "./outbound-samples.ts";
import { DAY, MINUTE, newId, NOON } from "./samples.ts";
import type { World } from "./world.ts";

/** When drafts of these tests are submitted. */
export const SUBMITTED = NOON;
export const EXPIRY = NOON + 7 * DAY;

export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

export async function addKey(world: World, scopes: readonly Scope[], mailboxes: readonly MailboxId[] | null = null): Promise<KeyId> {
  const id = newId("key");
  const key = { id, tenant: world.tenant, name: "k", scopes, mailboxes, masked: "pst_live_…a3f", created_at: NOON, hash: hashOf(id) };
  await world.store.run("keys.create", key);
  return id;
}

/** Puts `outbound.approvals` of the mailbox's policy in force, on top of what it says already. */
export async function setApprovals(world: World, approvals: object, document?: string): Promise<void> {
  const { store, tenant, mailbox } = world;
  const text = document ?? JSON.stringify({ version: 1, senders: [], outbound: { approvals } });
  const policy = {
    tenant,
    mailbox,
    id: newId("pol"),
    digest: hashOf(text + newId("pol")),
    document: text,
    at: NOON,
    actor: "postern",
  } as const;
  await store.run("policies.put", policy);
}

export interface Draft {
  readonly id: DraftId;
  readonly author: KeyId;
  readonly content_hash: string;
  /** As it was submitted. */
  readonly letter: ScreenProposal;
}

/** One draft, screened: it waits for people, or, `queued`, for nobody. */
export async function submit(world: World, author: KeyId, outcome: "queued" | "waiting" = "waiting"): Promise<Draft> {
  const recipients = to("anna@acme.example", "ben@other.example");
  const sender = { ...world, author };
  if (outcome === "queued") setMode(world, "autonomous");
  const caps = { perHour: 1000, perDay: 1000 };
  const letter = letterOf(sender, { recipients, proposal: { ...(outcome === "waiting" ? GATED : {}), caps } });
  await world.store.run("outbound.screen", letter);
  return { id: letter.input.draft, author, content_hash: letter.revision.content_hash, letter };
}

/** Screened once more before it is sent, as it is now and under the documents of now. */
export async function screenAgain(world: World, { id, letter }: Draft): Promise<Screened> {
  const { revision: content } = (await world.store.run("drafts.get", { tenant: world.tenant, id }))!;
  const { number, content_hash, mime } = content;
  const run = `run-${newId("msg")}`;
  const again = screenedAgain(letter, { stage: "send", run, revision: { number, content_hash, mime }, content });
  return world.store.run("outbound.screen", again);
}

function traceOf(hold: HoldId) {
  return { workflow_id: `out-${idBody(hold)}`, run_id: `run-${idBody(hold)}`, activity_id: "7" };
}

/** One attempt by token, some minutes after submitting. */
export function attemptOf(
  world: World,
  hold: HoldId,
  action: HoldAction,
  actor: HoldActor,
  changes: Partial<HoldAttempt> = {},
): HoldAttempt {
  return {
    tenant: world.tenant,
    hold,
    action,
    actor,
    content_hash: null,
    nonce: newId("jti"),
    via: "update",
    signed: actor !== "namespace",
    edit: null,
    trace: traceOf(hold),
    at: SUBMITTED + 5 * MINUTE,
    decision_id: newId("dec"),
    ...fresh(),
    ...changes,
  };
}

/** A composed edit: the next version of the draft with these words. */
export function editOf(
  author: HoldActor,
  number: number,
  words: string,
  recipients: readonly string[] = ["anna@acme.example"],
): HoldAttempt["edit"] {
  const rfc_message_id = `${idBody(newId("msg"))}@gate.example`;
  const envelope_sender = "assistant@gate.example";
  const content = {
    source: blobOf(`${words} source`),
    author,
    envelope_sender,
    recipients: to(...recipients),
    subject: words,
    rfc_message_id,
  };
  return { revision: { number, content_hash: hashOf(words), mime: blobOf(`${words} mime`) }, content };
}

export async function decide(world: World, attempt: HoldAttempt): Promise<HoldAnswer> {
  return world.store.run("holds.decide", attempt);
}

/** What an attempt comes to: its refusal's code, or where the hold is after it. */
export function outcomeOf(answer: HoldAnswer): string {
  return answer.result === "refused" ? answer.code : answer.status;
}

/** A person's words go before the attempt, under its nonce. */
export async function say(world: World, attempt: HoldAttempt, note: string): Promise<void> {
  const { tenant, hold, nonce, at } = attempt;
  await world.store.run("holds.note", { tenant, hold, nonce, note, at });
}

/** A new person lets held mail go, or throws it away: the decision that comes of it. */
export async function endHeld(
  world: World,
  { input, at }: Pick<InboundProposal, "input" | "at">,
  action: "approve" | "reject" = "approve",
  note = "fine",
): Promise<Decision> {
  const said = attemptOf(world, input.message, action, await addKey(world, ["oversight"]), { at: at + MINUTE });
  await say(world, said, note);
  await decide(world, said);
  const decision = await world.store.run("decisions.final", { message: input.message, stage: "release" });
  if (decision === null || decision.id !== said.decision_id) throw new Error("the attempt did not count");
  return decision;
}

export function timerOf(world: World, hold: HoldId, event: HoldTimer["event"], at: number): HoldTimer {
  return { tenant: world.tenant, hold, event, trace: traceOf(hold), at, decision_id: newId("dec"), ...fresh() };
}

export interface Entry {
  readonly action: string;
  readonly actor: string;
  readonly leaf: Readonly<Record<string, unknown>>;
  readonly details: Readonly<Record<string, unknown>> | null;
}

/** The audit entries of what a hold is about, oldest first. */
export async function entriesOf(world: World, hold: HoldId): Promise<readonly Entry[]> {
  const message = `msg_${idBody(hold)}` as const;
  const rows = await world.store.run("audit.of_message", { tenant: world.tenant, message });
  return rows.map(({ leaf, details }) => {
    const read = JSON.parse(leaf) as Omit<Entry, "leaf" | "details">;
    return { ...read, leaf: { ...read }, details };
  });
}
