import { messageDetails, appendDecision } from "./audit.ts";
import type { DispatchRef } from "../model/channel.ts";
import type { InboundOutcome, Decision, JudgedAt, Reservation } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import type { MailboxId } from "../model/ids.ts";
import type { InboundProposal } from "./contract.ts";
import { decisionOfRun, recordDecision } from "./decisions.ts";
import { judged, withDispatches } from "./dispatch-open.ts";
import { findOrOpenHeld } from "./held.ts";
import { senderKey, limitReached, reserveRate, reserveTokens, type Charge, type LimitReached } from "./ledger.ts";
import { addInbound, firstThread } from "./messages.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import type { MailboxesTable } from "./schema.ts";
import { together } from "./together.ts";

export const inbound = {
  // INVARIANT (DESIGN §3.5): what this returns is what happens. A run that asks again is told what it was told before,
  // deferred or not; another run of a deferred message is judged afresh.
  "inbound.decide": {
    kind: "write",
    about: ({ input }) => `mailbox:${input.mailbox}`,
    async run(tx, proposal) {
      const { input, trace } = proposal;
      const [recorded, standing] = await together([decisionOfRun(tx, input.message, trace.run_id), standingOf(tx, proposal)]);
      if (recorded !== null) return recorded.outcome === "delivered" ? withDispatches(tx, input, recorded) : recorded;
      const decision = decisionOn(
        proposal,
        standing === null ? { ...proposal, reservations: [] } : await applyLimits(tx, proposal, standing),
      );
      return judged(decision, await record(tx, proposal, decision, standing?.mailbox));
    },
  },
} satisfies OperationsOf<"inbound">;

/** What the limits leave of a proposal. */
interface Verdict {
  readonly outcome: InboundOutcome;
  readonly reason: string;
  readonly judged_at: JudgedAt;
  readonly capabilities: readonly string[];
  readonly reservations: readonly Reservation[];
}

/** What stands in the way of a message that the policy admits, and where it would go. */
interface Standing {
  readonly reached: LimitReached | null;
  readonly mailbox: Destination | undefined;
}

type Destination = Pick<MailboxesTable, "oversight_mode" | "channels_json">;

/** Null: the policy does not admit it. */
async function standingOf(tx: Tx, proposal: InboundProposal): Promise<Standing | null> {
  const { input, outcome, limits } = proposal;
  if (outcome !== "delivered") return null;
  const reached = limits === null ? null : limitReached(tx, chargeOf(proposal), limits);
  // Read where the decision is made, so that a change of mode holds for the next message.
  const [limit, [mailbox]] = await together([reached, selectDestination(tx.db, { mailbox: input.mailbox })]);
  return { reached: limit, mailbox };
}

const selectDestination = once((db, given: { mailbox: MailboxId }) =>
  db.selectFrom("mailboxes").select(["oversight_mode", "channels_json"]).where("id", "=", given.mailbox),
);

async function applyLimits(tx: Tx, proposal: InboundProposal, { reached, mailbox }: Standing): Promise<Verdict> {
  const charge = chargeOf(proposal);
  if (reached === null) return mailbox?.oversight_mode === "gated_all" ? gate(tx, proposal, charge) : admit(tx, proposal, charge);
  const refusal = { reason: reached.reason, judged_at: judgedAt(reached), capabilities: [] };
  // Nothing is charged: refused reservations are not remembered, and the retry must find the windows as they were.
  const mayFit = reached.ledger === "rate" || !reached.hopeless;
  if (proposal.limits?.onLimit === "defer" && mayFit) return { ...refusal, outcome: "deferred", reservations: [] };
  if (reached.ledger === "rate") return { ...refusal, outcome: "rate_limited", reservations: [] };
  return { ...refusal, outcome: "budget_exhausted", reservations: await reserveRate(tx, charge) };
}

async function admit(tx: Tx, proposal: InboundProposal, charge: Charge): Promise<Verdict> {
  return { ...proposal, reservations: [...(await reserveRate(tx, charge)), ...(await reserveTokens(tx, charge))] };
}

/** MM-03: people see it before the agent does. Its tokens are charged when they let it through. */
async function gate(tx: Tx, proposal: InboundProposal, charge: Charge): Promise<Verdict> {
  return { ...proposal, outcome: "held", reason: "gated_all", judged_at: "oversight", reservations: await reserveRate(tx, charge) };
}

function judgedAt({ ledger }: LimitReached): JudgedAt {
  return ledger === "rate" ? "rate_limit" : "token_budget";
}

function chargeOf({ input, facts, at }: InboundProposal): Charge {
  if (facts === null) throw new PosternError("internal", "a message cannot be admitted before it was verified");
  const { message, mailbox } = input;
  return { message, mailbox, sender: senderKey(facts.identity), thread: facts.thread, tokens: facts.tokens, at };
}

function decisionOn(proposal: InboundProposal, verdict: Verdict): Decision {
  return {
    id: proposal.decision_id,
    message: proposal.input.message,
    run: proposal.trace.run_id,
    direction: "inbound",
    stage: "inbound",
    outcome: verdict.outcome,
    reason: verdict.reason,
    judged_at: verdict.judged_at,
    rule_index: proposal.rule_index,
    policy: proposal.policy,
    findings: proposal.findings,
    verification: proposal.facts?.verification ?? null,
    capabilities: verdict.capabilities,
    reservations: verdict.reservations,
    supersedes: null,
    at: new Date(proposal.at).toISOString(),
    actor: "postern",
  };
}

// A deferral is a decision row and nothing else: no message row, because there is no final outcome; no audit entry,
// because the log has one per final decision (MB-10).
async function record(tx: Tx, proposal: InboundProposal, decision: Decision, to: Destination | undefined): Promise<readonly DispatchRef[]> {
  const { tenant, mailbox, message } = proposal.input;
  const { facts } = proposal;
  const body_sha256 = proposal.audit.includeBodyHash ? (facts?.body_sha256 ?? null) : null;
  const place = { tenant, mailbox, thread: facts?.thread ?? null, body_sha256 };
  await recordDecision(tx, decision, place);
  if (decision.outcome === "deferred") return [];
  const dispatches = await addInbound(tx, proposal, { ...decision, outcome: decision.outcome }, to);
  if (decision.outcome === "held" || decision.outcome === "quarantined") await findOrOpenHeld(tx, tenant, message, proposal.at);
  await appendAudit(tx, proposal, decision, { ...place, thread: facts?.thread ?? firstThread(message) });
  return dispatches;
}

async function appendAudit(
  tx: Tx,
  proposal: InboundProposal,
  decision: Decision,
  place: Pick<Parameters<typeof appendDecision>[1], "tenant" | "mailbox" | "thread" | "body_sha256">,
): Promise<void> {
  const { envelope } = proposal.input;
  const identity = proposal.facts?.identity;
  const from = identity?.kind === "sender" ? identity.address : null;
  const addresses = { from, envelope_sender: envelope.sender, recipient: envelope.recipient, ip: envelope.ip };
  const details = messageDetails(envelope, from, proposal.headline.subject);
  await appendDecision(
    tx,
    { id: proposal.audit_id, ...place, decision, trace: proposal.trace, addresses },
    { salt: proposal.salt, details, retentionDays: proposal.audit.retentionDays },
  );
}
