import { createHash, randomBytes } from "node:crypto";
import { makeId, type Id, type IdPrefix, type MailboxId, type TenantId } from "../../src/model/ids.ts";
import type { PolicyPin } from "../../src/model/decision.ts";
import type { Headline, MessageFacts } from "../../src/model/message.ts";
import type { InboundProposal, Limits, MailboxRow, Store, ThreadQuestion } from "../../src/store/contract.ts";

export const NOON = Date.UTC(2026, 10, 21, 12);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  return makeId(prefix, randomBytes(16));
}

export function newDomain(): string {
  return `${newId("dom").slice(4)}.example`;
}

export interface Place {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

export async function addTenant(store: Store, domain: string): Promise<{ tenant: TenantId; mailbox: MailboxId }> {
  const tenant = newId("ten");
  await store.run("tenants.create", { id: tenant, name: domain, at: NOON });
  const mailbox = await addMailbox(store, tenant, `assistant@${domain}`);
  return { tenant, mailbox: mailbox.id };
}

export async function addMailbox(store: Store, tenant: TenantId, address: string): Promise<MailboxRow> {
  const made = await store.run("mailboxes.create", {
    id: newId("mbx"),
    address_id: newId("adr"),
    domain_id: newId("dom"),
    tenant,
    agent_id: "assistant",
    address,
    domain: address.slice(address.indexOf("@") + 1),
    at: NOON,
  });
  if ("conflict" in made) throw new Error(`conflict: ${made.conflict}`);
  return made;
}

export const PIN: PolicyPin = { id: "pol_0000000000000000", version: 1, digest: "d".repeat(64) };

export function factsOf(overrides: Partial<MessageFacts> = {}): MessageFacts {
  return {
    identity: { kind: "sender", address: "boss@acme.example", domain: "acme.example", verified: true },
    verification: { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } },
    automatic: false,
    thread: newId("thr"),
    loop: null,
    body_sha256: "b".repeat(64),
    tokens: 100,
    ...overrides,
  };
}

export function from(address: string, verified = true): Pick<MessageFacts, "identity"> {
  return { identity: { kind: "sender", address, domain: address.slice(address.indexOf("@") + 1), verified } };
}

export interface Mail {
  readonly facts?: Partial<MessageFacts>;
  readonly headline?: Partial<Headline>;
  readonly limits?: Omit<Limits, "onLimit"> & { readonly onLimit?: Limits["onLimit"] };
  readonly proposal?: Partial<InboundProposal>;
  readonly at?: number;
}

/** One message that the policy admits; every call makes another message. */
export function proposalOf(world: Place, mail: Mail = {}): InboundProposal {
  const message = newId("msg");
  const at = mail.at ?? NOON;
  return {
    input: {
      tenant: world.tenant,
      mailbox: world.mailbox,
      message,
      ref: { digest: createHash("sha256").update(message).digest("hex"), size: 1234 },
      envelope: { ip: "192.0.2.1", helo: "mx.acme.example", sender: "bounce@acme.example", recipient: "assistant@acme.example" },
      received_at: at,
    },
    facts: factsOf(mail.facts),
    headline: { subject: "meeting", rfc_message_id: null, ...mail.headline },
    outcome: "delivered",
    reason: "sender_rule",
    judged_at: "admitted",
    rule_index: 0,
    policy: PIN,
    findings: [],
    capabilities: ["read_calendar"],
    limits: mail.limits === undefined ? null : { onLimit: "refuse", ...mail.limits },
    audit: { retentionDays: 90, includeBodyHash: true },
    trace: { workflow_id: `in-${message}`, run_id: `run-${message}`, activity_id: "3" },
    at,
    decision_id: newId("dec"),
    audit_id: newId("aud"),
    salt: randomBytes(16).toString("hex"),
    ...mail.proposal,
  };
}

/** The same message judged once more: by the same run when an activity is repeated, by another when the sender retries. */
export function again(proposal: InboundProposal, changes: Partial<InboundProposal> & { run?: string } = {}): InboundProposal {
  const { run, ...rest } = changes;
  const trace = { ...proposal.trace, run_id: run ?? proposal.trace.run_id };
  return { ...proposal, trace, decision_id: newId("dec"), audit_id: newId("aud"), salt: randomBytes(16).toString("hex"), ...rest };
}

export function questionOf(world: Place, overrides: Partial<ThreadQuestion> = {}): ThreadQuestion {
  return {
    tenant: world.tenant,
    mailbox: world.mailbox,
    message: newId("msg"),
    references: [],
    rfc_message_id: null,
    sender: "boss@acme.example",
    verified: true,
    automatic: false,
    at: NOON,
    caps: { perThread: 3, perPair: 4 },
    ...overrides,
  };
}
