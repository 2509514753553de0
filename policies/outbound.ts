import { reminders } from "../src/model/approvals.ts";
import type { ScreenedAt } from "../src/model/decision.ts";
import { parseDuration } from "../src/model/duration.ts";
import type { Finding } from "../src/model/finding.ts";
import { OUTBOUND_GUARDS } from "../src/model/guards.ts";
import { isId, type KeyId } from "../src/model/ids.ts";
import { isUpward, overseen, strictest, type DraftKind, type Mode, type OutboundReason } from "../src/model/outbound.ts";
import { DEFAULT_OUTBOUND } from "./define.ts";
import { recipientList, type RecipientList } from "./recipients.ts";
import type { MailPolicy, OutboundRules } from "./schema.ts";

/** What screening looks at. */
export interface OutboundFacts {
  readonly kind: DraftKind;
  /** The mailbox's own mode. */
  readonly mode: Mode;
  /** The mailbox has no oversight address: nobody would get the copy of what is `monitored`. */
  readonly no_overseer: boolean;
  readonly stopped: "mailbox" | "agent" | "tenant" | null;
  /** The key that submitted may not send from the mailbox (any more). */
  readonly author_revoked: boolean;
  /** Everybody who would get it: To, Cc, Bcc, which is the envelope (NY-09). */
  readonly recipients: readonly string[];
  /** Those of `recipients` that are suppressed, spelled alike. */
  readonly suppressed: readonly string[];
  /** Messages of the mailbox in the rolling windows, without this one. */
  readonly sends: { readonly lastHour: number; readonly lastDay: number };
  /** Domains among the recipients that this mailbox never wrote to. */
  readonly new_domains: readonly string[];
  /** The thread holds a quarantined or unproven message. */
  readonly tainted: boolean;
  /** The answered message is automatic. */
  readonly automatic_source: boolean;
}

/** What the policy says. `queued` and `pending_send_approval` still have to pass the caps, which the store applies. */
export interface OutboundVerdict {
  readonly outcome: "blocked" | "rate_limited" | "pending_send_approval" | "queued";
  readonly reason: OutboundReason;
  readonly judged_at: ScreenedAt;
  /** Indices into `recipients` of those for whom it is blocked; a draft is refused whole, never thinned out in silence. */
  readonly refused: readonly number[];
  /** In effect: the strictest of the mailbox's, the policy's and what taint leaves. */
  readonly mode: Mode;
  readonly caps: { readonly perHour: number; readonly perDay: number };
  readonly approvals: Approvals;
}

/** Who decides about a draft that waits, and when; durations in milliseconds. */
export interface Approvals {
  /** Empty: every key with the scope `oversight` that may see the mailbox. */
  readonly approvers: readonly KeyId[];
  /** May decide beside them after `escalateAfter`. */
  readonly escalateTo: readonly KeyId[];
  readonly quorum: number;
  readonly trustNamespace: boolean;
  readonly remindAfter: number;
  readonly escalateAfter: number;
  readonly expireAfter: number;
}

/** Outcomes from loose to strict. */
export const OUTBOUND_STRICTNESS = ["queued", "pending_send_approval", "rate_limited", "blocked"] as const;

/** What one step of screening settles. */
type Settled = Pick<OutboundVerdict, "outcome" | "reason" | "judged_at" | "refused">;

/**
 * Screening of one draft: pure, total, deny first, in a fixed order (DESIGN §4.3): kill switch, author, mode, block
 * list, allow list, suppression, caps, outbound guards, first contact, oversight. The first step that settles it is the
 * one recorded. Called with no findings it says whether the content needs to be looked at: what is refused does not.
 *
 * `findings`: null when a guard failed.
 *
 * INVARIANT (DESIGN §9.4): another finding, suppression or stop never loosens the outcome (`OUTBOUND_STRICTNESS`), and a
 * guard that failed never lets a draft pass.
 */
export function evaluateOutbound(policy: MailPolicy, facts: OutboundFacts, findings: readonly Finding[] | null): OutboundVerdict {
  const rules = policy.outbound ?? DEFAULT_OUTBOUND;
  const mode = effectiveMode(rules, facts);
  const settled = facts.kind === "copy" ? judgeCopy(rules, facts) : judgeDraft(rules, facts, mode, findings);
  return { ...settled, mode, caps: capsOf(rules, facts.kind), approvals: approvalsOf(rules) };
}

function effectiveMode(rules: OutboundRules, facts: OutboundFacts): Mode {
  const mode = permittedMode(rules, facts);
  return facts.tainted ? strictest(mode, "gated_send") : mode;
}

/** MM-28: the policy lowers the mailbox's mode and never raises it. */
function permittedMode({ maxMode }: OutboundRules, { mode, no_overseer }: OutboundFacts): Mode {
  return overseen(maxMode === undefined ? mode : strictest(mode, maxMode), !no_overseer);
}

function judgeDraft(rules: OutboundRules, facts: OutboundFacts, mode: Mode, findings: readonly Finding[] | null): Settled {
  return (
    stopped(facts) ??
    author(facts) ??
    readOnly(mode) ??
    blocked(rules, facts) ??
    notAllowed(rules, facts) ??
    suppressed(facts) ??
    overCap(rules, facts) ??
    guarded(findings) ??
    firstContact(rules, facts) ??
    oversight(rules, facts, mode)
  );
}

/**
 * The overseer's copy of mail that has left (MM-05): made by the gate, so no mode, cap, author or guard holds it back and
 * no allow list has to name the overseer; whoever must not be written to is not written to.
 */
function judgeCopy(rules: OutboundRules, facts: OutboundFacts): Settled {
  return stopped(facts) ?? blocked(rules, facts) ?? suppressed(facts) ?? settle("queued", "copy", "admitted");
}

function stopped({ stopped: by }: OutboundFacts): Settled | null {
  return by === null ? null : settle("blocked", `stopped_${by}`, "kill_switch");
}

function author({ author_revoked }: OutboundFacts): Settled | null {
  return author_revoked ? settle("blocked", "author_key_revoked", "author") : null;
}

function readOnly(mode: Mode): Settled | null {
  return mode === "read_only" ? settle("blocked", "mode_read_only", "mode") : null;
}

function blocked(rules: OutboundRules, facts: OutboundFacts): Settled | null {
  const { block } = listsOf(rules);
  return refuse(facts, (address) => block.has(address), "block_list", "lists");
}

/** NY-20. No list is everybody, an empty one nobody. */
function notAllowed(rules: OutboundRules, facts: OutboundFacts): Settled | null {
  const { allow } = listsOf(rules);
  return allow === null ? null : refuse(facts, (address) => !allow.has(address), "allow_list", "lists");
}

function suppressed(facts: OutboundFacts): Settled | null {
  const listed = new Set(facts.suppressed);
  return refuse(facts, (address) => listed.has(address), "suppressed", "suppression");
}

function refuse(
  { recipients }: OutboundFacts,
  isRefused: (address: string) => boolean,
  reason: OutboundReason,
  judged_at: ScreenedAt,
): Settled | null {
  const refused = recipients.flatMap((address, index) => (isRefused(address) ? [index] : []));
  return refused.length === 0 ? null : { ...settle("blocked", reason, judged_at), refused };
}

function overCap({ perHour, perDay }: OutboundRules, { sends }: OutboundFacts): Settled | null {
  if (sends.lastHour >= perHour) return settle("rate_limited", "send_limit_per_hour", "caps");
  return sends.lastDay >= perDay ? settle("rate_limited", "send_limit_per_day", "caps") : null;
}

const ABOVE: ReadonlyMap<string, number> = new Map(Object.entries(OUTBOUND_GUARDS).map(([name, { above }]) => [name, above]));

/** A finding of a guard that is not known here is an error, and an error holds. */
function guarded(findings: readonly Finding[] | null): Settled | null {
  if (findings === null || findings.some(({ guard }) => !ABOVE.has(guard))) return held("guard_error", "outbound_guards");
  const counts = findings.some(({ guard, severity }) => !(severity <= (ABOVE.get(guard) ?? 0)));
  return counts ? held("secret_found", "outbound_guards") : null;
}

/** NY-21. */
function firstContact(rules: OutboundRules, { new_domains }: OutboundFacts): Settled | null {
  return rules.firstContact === "approve" && new_domains.length > 0 ? held("first_contact", "first_contact") : null;
}

function oversight(rules: OutboundRules, facts: OutboundFacts, mode: Mode): Settled {
  if (facts.automatic_source) return held("automatic_source", "oversight");
  if (isUpward(mode, permittedMode(rules, facts))) return held("tainted_thread", "oversight");
  switch (mode) {
    case "monitored":
    case "autonomous":
      return settle("queued", `mode_${mode}`, "admitted");
    case "read_only":
    case "gated_all":
    case "gated_send":
      return held(`mode_${mode}`, "oversight");
    default:
      return mode satisfies never;
  }
}

function held(reason: OutboundReason, judged_at: ScreenedAt): Settled {
  return settle("pending_send_approval", reason, judged_at);
}

function settle(outcome: OutboundVerdict["outcome"], reason: OutboundReason, judged_at: ScreenedAt): Settled {
  return { outcome, reason, judged_at, refused: [] };
}

const NO_CAP = Number.MAX_SAFE_INTEGER;

function capsOf({ perHour, perDay }: OutboundRules, kind: DraftKind): OutboundVerdict["caps"] {
  return kind === "copy" ? { perHour: NO_CAP, perDay: NO_CAP } : { perHour, perDay };
}

function approvalsOf({ approvals }: OutboundRules): Approvals {
  const { approvers = [], escalateTo = [], quorum, trustNamespace, remindAfter } = approvals;
  const expireAfter = parseDuration(approvals.expireAfter) ?? 0;
  const usual = reminders(expireAfter);
  return {
    approvers: approvers.filter((id) => isId("key", id)),
    escalateTo: escalateTo.filter((id) => isId("key", id)),
    quorum,
    trustNamespace,
    remindAfter: (remindAfter === undefined ? null : parseDuration(remindAfter)) ?? usual.remindAfter,
    escalateAfter: usual.escalateAfter,
    expireAfter,
  };
}

interface Lists {
  readonly block: RecipientList;
  /** Null: everybody. */
  readonly allow: RecipientList | null;
}

/** Policies are frozen and live as long as their cache entry, so their lists do too. */
const lists = new WeakMap<OutboundRules, Lists>();

function listsOf(rules: OutboundRules): Lists {
  const known = lists.get(rules);
  if (known !== undefined) return known;
  const made = { block: recipientList(rules.block), allow: rules.allow === undefined ? null : recipientList(rules.allow) };
  lists.set(rules, made);
  return made;
}
