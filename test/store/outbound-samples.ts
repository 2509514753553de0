import { createHash, randomBytes } from "node:crypto";
import { draftMessageId, idBody, type DraftId, type KeyId, type TenantId } from "../../src/model/ids.ts";
import type { MessageRef } from "../../src/model/message.ts";
import type { Mode, OutboundInput, Recipient } from "../../src/model/outbound.ts";
import type { Scope, Store } from "../../src/store/contract.ts";
import type {
  HoldAttempt,
  NewIdempotency,
  NewSuppression,
  RevisionContent,
  ScreeningQuestion,
  ScreenProposal,
  Screened,
} from "../../src/store/contract-outbound.ts";
import { openRows, type Rows } from "../support/postgres/rows.ts";
import { newId, NOON, PIN, type Place } from "./samples.ts";
import { openWorld, type World } from "./world.ts";

export function fresh() {
  return { audit_id: newId("aud"), salt: randomBytes(16).toString("hex") };
}

export function blobOf(text: string): MessageRef {
  return { digest: createHash("sha256").update(text).digest("hex"), size: text.length };
}

export async function addKey(store: Store, tenant: TenantId, scopes: readonly Scope[]): Promise<KeyId> {
  const id = newId("key");
  await store.run("keys.create", { id, tenant, name: "k", scopes, mailboxes: null, masked: "pst_live_…", created_at: NOON, hash: id });
  return id;
}

/** A world with the key of an agent that may send, and that of a person who decides. */
export interface OutboundWorld extends World {
  readonly author: KeyId;
  readonly approver: KeyId;
}

export async function openOutboundWorld(): Promise<OutboundWorld> {
  const world = await openWorld();
  const author = await addKey(world.store, world.tenant, ["send"]);
  return { ...world, author, approver: await addKey(world.store, world.tenant, ["oversight"]) };
}

/** One whose mailbox asks nobody. */
export async function openAutonomous(): Promise<OutboundWorld> {
  const world = await openOutboundWorld();
  setMode(world, "autonomous");
  return world;
}

export interface Letter {
  readonly recipients?: readonly Recipient[];
  readonly input?: Partial<OutboundInput>;
  readonly proposal?: Partial<ScreenProposal>;
  readonly at?: number;
}

export function to(...addresses: readonly string[]): Recipient[] {
  return addresses.map((address) => ({ kind: "to", address }));
}

/** A draft that the policy lets go at once; every call makes another draft. */
export function letterOf(world: Place & { readonly author: KeyId }, letter: Letter = {}): ScreenProposal {
  const draft = newId("drf");
  const at = letter.at ?? NOON;
  const input: OutboundInput = {
    tenant: world.tenant,
    mailbox: world.mailbox,
    draft,
    message: draftMessageId(draft),
    thread: `thr_${idBody(draft)}`,
    kind: "draft",
    source: blobOf(`source of ${draft}`),
    author: world.author,
    in_reply_to: null,
    submitted_at: at,
    send_at: null,
    ...letter.input,
  };
  return {
    input,
    stage: "submit",
    revision: { number: 1, content_hash: blobOf(`content of ${draft}`).digest, mime: blobOf(`mime of ${draft}`) },
    content: contentOf(input, letter.recipients ?? to("anna@acme.example")),
    outcome: "queued",
    reason: "mode_autonomous",
    judged_at: "admitted",
    policy: PIN,
    findings: [],
    mode: "autonomous",
    caps: { perHour: 50, perDay: 500 },
    audit: { retentionDays: 90 },
    trace: { workflow_id: `out-${idBody(draft)}`, run_id: `run-${draft}`, activity_id: "2" },
    at,
    decision_id: newId("dec"),
    ...fresh(),
    ...letter.proposal,
  };
}

function contentOf({ source, author, draft }: OutboundInput, recipients: readonly Recipient[]): RevisionContent {
  const rfc_message_id = `${idBody(draft)}@gate.example`;
  return { source, author, envelope_sender: "assistant@gate.example", recipients, subject: "dinner at eight", rfc_message_id };
}

/** Policy and mode ask for approval. */
export const GATED = {
  outcome: "pending_send_approval",
  reason: "mode_gated_send",
  judged_at: "oversight",
  mode: "gated_send",
} as const satisfies Partial<ScreenProposal>;

/** The same draft screened once more, under names of its own. */
export function screenedAgain(proposal: ScreenProposal, changes: Partial<ScreenProposal> & { readonly run?: string } = {}): ScreenProposal {
  const { run, ...rest } = changes;
  const trace = { ...proposal.trace, run_id: run ?? proposal.trace.run_id };
  return { ...proposal, trace, decision_id: newId("dec"), ...fresh(), ...rest };
}

export function atSending(proposal: ScreenProposal, changes: Partial<ScreenProposal> = {}): ScreenProposal {
  return screenedAgain(proposal, { stage: "send", ...changes });
}

/** What screening answered; fails when it asks people again. */
export async function screen(store: Store, proposal: ScreenProposal): Promise<Omit<Extract<Screened, { kind: "decided" }>, "kind">> {
  const { kind, ...screened } = await store.run("outbound.screen", proposal);
  if (kind === "stale" || !("wait_until" in screened)) throw new Error("the approval is stale");
  return screened;
}

export function questionAbout(world: Place & { readonly author: KeyId }, changes: Partial<ScreeningQuestion> = {}): ScreeningQuestion {
  return {
    tenant: world.tenant,
    mailbox: world.mailbox,
    draft: null,
    thread: newId("thr"),
    author: world.author,
    in_reply_to: null,
    recipients: ["anna@acme.example"],
    at: NOON,
    ...changes,
  };
}

export function keyOf(world: Place, changes: Partial<NewIdempotency> = {}): NewIdempotency {
  const { tenant, mailbox } = world;
  return { tenant, mailbox, key: newId("jti"), payload_hash: "p".repeat(64), draft: newId("drf"), at: NOON, ...changes };
}

export function suppressionOf(tenant: TenantId, address: string, changes: Partial<NewSuppression> = {}): NewSuppression {
  return {
    id: newId("sup"),
    tenant,
    address,
    reason: "manual",
    source: "a complaint by telephone",
    created_at: NOON,
    expires_at: null,
    actor: "key:key_0000000000000000",
    ...fresh(),
    ...changes,
  };
}

export function approvalOf(proposal: ScreenProposal, actor: KeyId, at: number): HoldAttempt {
  return {
    tenant: proposal.input.tenant,
    hold: proposal.input.draft,
    action: "approve",
    actor,
    content_hash: proposal.revision.content_hash,
    nonce: newId("jti"),
    via: "update",
    signed: true,
    edit: null,
    trace: proposal.trace,
    at,
    decision_id: newId("dec"),
    ...fresh(),
  };
}

/** Looks at and changes rows past the store, as a crash or another release may leave them. */
export function inDatabase<T>(world: World, work: (connection: Rows) => T): T {
  const connection = openRows(world.path);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

export function setMode(world: World, mode: Mode): void {
  inDatabase(world, (db) => db.prepare("update mailboxes set oversight_mode = ? where id = ?").run(mode, world.mailbox));
}

export function setOverseer(world: World, address: string | null): void {
  inDatabase(world, (db) => db.prepare("update mailboxes set oversight_address = ? where id = ?").run(address, world.mailbox));
}

/** Submits a draft that may go and sends it to everybody, in a mailbox without a policy. */
export async function sendOut(world: OutboundWorld, letter: ScreenProposal): Promise<void> {
  const { store, tenant } = world;
  const { input, revision, caps, mode, trace, at } = letter;
  for (const proposal of [letter, atSending(letter)]) await screen(store, proposal);
  const policy = { ...PIN, version: 0 };
  const terms = { tenant, draft: input.draft, content_hash: revision.content_hash, policy, mode, approval: false, caps, trace, at };
  const opened = await store.run("sends.open", { ...terms, ...fresh() });
  if (opened.kind !== "open") throw new Error(`not to be sent: ${opened.why}`);
  const { attempt, on_record, recipients: accepted } = opened;
  await store.run("sends.claim", { ...terms, attempt, on_record, accepted, decision_id: newId("dec"), ...fresh() });
  const replies = accepted.map((recipient) => ({ recipient, code: 250, enhanced: "2.0.0", text: "ok" }));
  const of = { tenant, draft: input.draft, content_hash: revision.content_hash, attempt, on_record, claim: null };
  await store.run("sends.record", { ...of, end: "completed", replies, trace, at, ...fresh() });
}

export function deliveriesOf(world: World, draft: DraftId) {
  return world.store.run("drafts.deliveries", { tenant: world.tenant, draft });
}
