import { createHash, randomBytes } from "node:crypto";
import type { HoldAction, HoldActor, HoldAnswer, HoldId } from "../../src/model/hold.ts";
import { draftMessageId, idBody, type DraftId, type KeyId, type MailboxId } from "../../src/model/ids.ts";
import type { OutboundInput } from "../../src/model/outbound.ts";
import type { Scope } from "../../src/store/contract.ts";
import type { Fresh, HoldAttempt, HoldTimer, RevisionContent, Screened, ScreenProposal } from "../../src/store/contract-outbound.ts";
import { DAY, MINUTE, newId, NOON, PIN } from "./samples.ts";
import type { World } from "./world.ts";

/** When drafts of these tests are submitted. */
export const SUBMITTED = NOON;
export const EXPIRY = NOON + 7 * DAY;

export function fresh(): Fresh {
  return { audit_id: newId("aud"), salt: randomBytes(16).toString("hex") };
}

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
  readonly input: OutboundInput;
  readonly content_hash: string;
}

/** One draft, screened: waits for people unless `outcome` says otherwise. */
export async function submit(world: World, author: KeyId, outcome: ScreenProposal["outcome"] = "pending_send_approval"): Promise<Draft> {
  const proposal = proposalFor(world, author, outcome);
  await world.store.run("outbound.screen", proposal);
  return { id: proposal.input.draft, author, input: proposal.input, content_hash: proposal.revision.content_hash };
}

function proposalFor({ tenant, mailbox }: World, author: KeyId, outcome: ScreenProposal["outcome"]): ScreenProposal {
  const draft = newId("drf");
  const gated = outcome === "pending_send_approval";
  const input: OutboundInput = {
    tenant,
    mailbox,
    draft,
    message: draftMessageId(draft),
    thread: `thr_${idBody(draft)}`,
    kind: gated ? "draft" : "copy",
    source: { digest: hashOf(`${draft} source`), size: 10 },
    author,
    in_reply_to: null,
    submitted_at: SUBMITTED,
    send_at: null,
  };
  return {
    input,
    stage: "submit",
    revision: { number: 1, content_hash: hashOf(draft), mime: { digest: hashOf(`${draft} mime`), size: 20 } },
    content: contentOf(author, "first words", ["anna@acme.example", "ben@other.example"]),
    outcome,
    reason: gated ? "mode_gated_send" : "copy",
    judged_at: gated ? "oversight" : "admitted",
    policy: PIN,
    findings: [],
    mode: "gated_send",
    caps: { perHour: 1000, perDay: 1000 },
    audit: { retentionDays: 90 },
    trace: traceOf(draft),
    at: SUBMITTED,
    decision_id: newId("dec"),
    ...fresh(),
  };
}

/** Screened once more before it is sent, as it is now and under the documents of now. */
export async function screenAgain(world: World, draft: Draft): Promise<Screened> {
  const { tenant, store } = world;
  const { revision, author } = (await store.run("drafts.get", { tenant, id: draft.id }))!;
  const { number, content_hash, mime } = revision;
  const again = { ...proposalFor(world, author, "pending_send_approval"), input: draft.input };
  const trace = { ...traceOf(draft.id), run_id: `run-${newId("msg")}` };
  return store.run("outbound.screen", { ...again, trace, stage: "send", revision: { number, content_hash, mime }, content: revision });
}

export function contentOf(author: HoldActor, subject: string, to: readonly string[]): RevisionContent {
  return {
    source: { digest: hashOf(`${subject} source`), size: 10 },
    author,
    envelope_sender: "bounce@acme.example",
    recipients: to.map((address) => ({ kind: "to", address })),
    subject,
    rfc_message_id: `<${idBody(newId("msg"))}@acme.example>`,
  };
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
  actor: HoldActor,
  number: number,
  words: string,
  to: readonly string[] = ["anna@acme.example"],
): HoldAttempt["edit"] {
  const mime = { digest: hashOf(`${words} mime`), size: 30 };
  return { revision: { number, content_hash: hashOf(words), mime }, content: contentOf(actor, words, to) };
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
    return { ...read, leaf: read as unknown as Entry["leaf"], details };
  });
}
