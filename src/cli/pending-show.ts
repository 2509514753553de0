import { attemptField } from "./attempt-text.ts";
import { formatFinding, formatVerification, spaced } from "./decision-text.ts";
import { contentSections, quoted, section } from "./pending-content.ts";
import { isWaiting, paintHold, type PendingDetail, type Revision } from "./pending-text.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";
import { fold } from "./text.ts";
import { formatTime } from "./time.ts";

/** All that is needed to decide, and what to type then. */
export function formatPending(session: Session, item: PendingDetail): string {
  const { cells, paint } = session;
  const { findings, revisions, attempts } = item;
  return [
    `${paintHold(paint, spaced(item.status), item)}${isWaiting(item) ? "" : "; it waited because of"}: ${spaced(item.reason)}`,
    "",
    formatFields(fieldsOf(item), cells, fold),
    ...warningSection(session, warningsOf(item)),
    ...contentSections(session, item.content),
    ...(findings.length === 0 ? [] : section(session, "Findings", findings.map(findingText).join("\n"))),
    ...revisions.flatMap((revision) => changesOf(session, revision)),
    ...(attempts.length === 0
      ? []
      : section(session, "Said so far", attempts.map((attempt) => attemptField(attempt).join(" ")).join("\n"))),
    "",
    paint("bold", "Next"),
    ...nextLines(item).map((line) => `  ${line}`),
  ].join("\n");
}

function fieldsOf(item: PendingDetail): [string, string | null][] {
  const { approved_by, approvers, decision } = item;
  return [
    ["id", item.id],
    ["from", item.from ?? "ambiguous"],
    ["to", named(item, "to")],
    ["cc", named(item, "cc")],
    ["bcc", named(item, "bcc")],
    ["subject", item.content?.subject ?? item.subject],
    ["proof", item.verification === null ? null : formatVerification(item.verification)],
    ["mode", item.mode],
    ["decision", decision === null ? null : `${decision.id} (${spaced(decision.judged_at)})`],
    ["written by", item.author === null ? null : `${item.author} (revision ${item.revision})`],
    ["approved by", `${approved_by.length} of ${item.quorum}${approved_by.length === 0 ? "" : `: ${approved_by.join(" ")}`}`],
    ["approvers", approvers.length === 0 ? "every oversight key that sees the mailbox" : approvers.join(" ")],
    ["since", formatTime(item.created_at)],
    ["reminded", timeOrNull(item.reminded_at)],
    ["escalated", timeOrNull(item.escalated_at)],
    isWaiting(item) ? ["expires", formatTime(item.expires_at)] : ["decided", timeOrNull(item.decided_at)],
    ["content", item.content_hash],
  ];
}

function named({ recipients }: PendingDetail, kind: "to" | "cc" | "bcc"): string | null {
  const addresses = recipients.filter((one) => one.kind === kind).map(({ address }) => address);
  return addresses.length === 0 ? null : addresses.join(" ");
}

function timeOrNull(text: string | null): string | null {
  return text === null ? null : formatTime(text);
}

function warningSection(session: Session, warnings: readonly string[]): string[] {
  if (warnings.length === 0) return [];
  return ["", session.paint("red", "Take care"), ...warnings.flatMap((text) => quoted(session, text, "! "))];
}

function warningsOf({ direction, tainted, automatic_source, new_domains }: PendingDetail): string[] {
  const outbound = direction === "outbound";
  return [
    ...new_domains.map((domain) => `first contact: this mailbox has never written to ${domain}`),
    ...(tainted
      ? [outbound ? "tainted: the thread holds mail whose sender is not proven, or quarantined" : "its sender is not proven"]
      : []),
    ...(automatic_source ? [outbound ? "it answers mail that a machine sent" : "a machine sent it"] : []),
  ];
}

function findingText(finding: PendingDetail["findings"][number]): string {
  const said = formatFinding(finding);
  return finding.redacted === undefined ? said : `${said}: ${finding.redacted}`;
}

const MARK = { kept: " ", removed: "-", added: "+" } as const;

function changesOf(session: Session, { number, author, created_at, changes }: Revision): string[] {
  if (changes === null) return [];
  const heading = session.paint("bold", `Changed in revision ${number} by ${author}, ${formatTime(created_at)}`);
  const lines = changes.flatMap(({ op, text }) => {
    if (op === "skipped") return quoted(session, `(${text} ${text === "1" ? "line" : "lines"} unchanged)`, "  ");
    const shown = quoted(session, text, `${MARK[op]} `);
    return op === "kept" ? shown : shown.map((line) => session.paint(op === "added" ? "green" : "red", line));
  });
  return ["", heading, ...lines];
}

/** Once somebody has edited it, which content is meant must be said. */
function nextLines({ id, direction, status, revision, content_hash }: PendingDetail): string[] {
  if (!isWaiting({ status })) return direction === "outbound" ? [`postern drafts show ${id}`] : [`postern messages show ${id}`];
  const which = revision === 1 ? [] : [`    --hash ${content_hash}`];
  const command = (words: string): string[] => [which.length === 0 ? words : `${words} \\`, ...which];
  return [
    ...command(`postern pending approve ${id}`),
    ...command(`postern pending reject ${id} --reason 'why'`),
    ...(direction === "outbound" ? command(`postern pending edit ${id} --markdown FILE`) : []),
  ];
}
