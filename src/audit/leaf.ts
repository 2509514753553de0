import canonicalize from "canonicalize";
import { createHash, createHmac } from "node:crypto";
import type { AuditAction } from "./actions.ts";
import type { Decision, InboundOutcome } from "../model/decision.ts";
import type { DraftId, Id, MailboxId, TenantId, ThreadId } from "../model/ids.ts";
import type { OutboundOutcome } from "../model/outbound.ts";

/** The unchangeable half of an audit entry: RFC 8785 JSON without personal data, and the SHA-256 of its bytes, hex. */
export interface Leaf {
  readonly leaf: string;
  readonly leaf_hash: string;
}

type Scalar = string | number | boolean | null;

/** Everything a decision's leaf says. Addresses enter only as HMACs. */
export interface DecisionFacts {
  readonly id: Id<"aud">;
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly thread: ThreadId | null;
  readonly decision: Decision<InboundOutcome | OutboundOutcome>;
  readonly trace: { readonly workflow_id: string; readonly run_id: string; readonly activity_id: string };
  /** Null unless the policy asks for it (`auditLog.includeBodyHash`, MB-11). */
  readonly body_sha256: string | null;
  readonly addresses: Addresses;
  /** What was decided on, outbound: which version of the draft, by the hash that an approval is for. */
  readonly draft?: { readonly id: DraftId; readonly round: number; readonly revision: number; readonly content_hash: string };
}

/** Null or empty: there is none. */
export interface Addresses {
  readonly from: string | null;
  readonly envelope_sender: string | null;
  readonly recipient: string | null;
  readonly ip: string | null;
  /** Of a draft, which may have several. */
  readonly recipients?: readonly string[];
}

/** A fact that stands alone, e.g. a denied capability. */
export interface ActionFacts {
  readonly id: Id<"aud">;
  readonly tenant: TenantId;
  readonly at: number;
  readonly action: AuditAction;
  readonly actor: string;
  readonly message: string | null;
  readonly mailbox: string | null;
  readonly facts: Readonly<Record<string, Scalar>>;
}

/** Version of the leaf's shape: a verifier of old logs reads it first. */
const VERSION = 1;

/** `salt` keys the HMACs and is kept beside the entry: erasing it makes the addresses unrecoverable, the hash stays good. */
export function decisionLeaf(facts: DecisionFacts, salt: string): Leaf {
  const { decision, trace } = facts;
  return seal({
    v: VERSION,
    id: facts.id,
    tenant: facts.tenant,
    at: decision.at,
    action: "decision",
    actor: decision.actor,
    mailbox: facts.mailbox,
    message: decision.message,
    thread: facts.thread,
    direction: decision.direction,
    stage: decision.stage,
    decision: decision.id,
    supersedes: decision.supersedes,
    outcome: decision.outcome,
    reason: decision.reason,
    judged_at: decision.judged_at,
    rule_index: decision.rule_index,
    policy: decision.policy,
    capabilities: decision.capabilities,
    verification: decision.verification,
    // Without spans: the hash of a short text can be guessed.
    findings: decision.findings.map(({ guard, code, severity, where }) => ({ guard, code, severity, where })),
    reservations: decision.reservations,
    body_sha256: facts.body_sha256,
    workflow_id: trace.workflow_id,
    run_id: trace.run_id,
    activity_id: trace.activity_id,
    hmac: blindAll(facts.addresses, salt),
    ...(facts.draft === undefined ? {} : { draft: facts.draft }),
  });
}

export function actionLeaf({ at, ...facts }: ActionFacts): Leaf {
  return seal({ v: VERSION, at: new Date(at).toISOString(), ...facts });
}

/** HMAC-SHA256, hex, keyed with the salt's UTF-8 bytes. Null for no address. */
function blind(address: string | null, salt: string): string | null {
  return address === null || address === "" ? null : createHmac("sha256", salt).update(address).digest("hex");
}

function blindAll({ recipients, ...addresses }: Addresses, salt: string): Readonly<Record<string, unknown>> {
  return {
    from: blind(addresses.from, salt),
    envelope_sender: blind(addresses.envelope_sender, salt),
    recipient: blind(addresses.recipient, salt),
    ip: blind(addresses.ip, salt),
    ...(recipients === undefined ? {} : { recipients: recipients.map((address) => blind(address, salt)) }),
  };
}

function seal(fields: Readonly<Record<string, unknown>>): Leaf {
  const leaf = canonicalize(wellFormed(fields))!;
  return { leaf, leaf_hash: createHash("sha256").update(leaf).digest("hex") };
}

// RFC 8785 §3.2.2.2 refuses lone surrogates. A reason written in a policy must not be able to stop the log.
function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), wellFormed(item)]));
}
