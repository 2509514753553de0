import type { Finding, Severity } from "../model/finding.ts";
import type { GuardName, GuardViews } from "../model/guards.ts";
import type { Guard } from "./guard.ts";

const NAME = "headers" satisfies GuardName;

/**
 * Fields that may occur once (RFC 5322 §3.6, RFC 2045 §3). Readers differ in which copy they believe, so the second
 * copy of a field that decides who wrote or what is shown is a way to show people and agents two different mails.
 */
const SINGLETONS: Readonly<Record<string, Severity>> = {
  from: 3,
  sender: 2,
  "reply-to": 2,
  to: 1,
  cc: 1,
  bcc: 1,
  subject: 2,
  date: 1,
  "message-id": 1,
  "in-reply-to": 1,
  references: 1,
  "mime-version": 1,
  "content-type": 3,
  "content-transfer-encoding": 3,
  "content-disposition": 1,
  "content-id": 1,
};

/** Duplicate singleton fields, one finding a field, and lines over 998 octets, which are flagged and never refused. */
export const headersGuard: Guard = {
  name: NAME,
  look: (views) => [...duplicates(views), ...longLine(views)],
};

function duplicates({ headers }: GuardViews): readonly Finding[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of headers.names) (seen.has(name) ? twice : seen).add(name);
  return Object.entries(SINGLETONS)
    .filter(([name]) => twice.has(name))
    .map(([name, severity]) => ({ guard: NAME, code: `duplicate_${name.replaceAll("-", "_")}`, severity, where: "headers" }));
}

function longLine({ headers }: GuardViews): readonly Finding[] {
  return headers.long_lines > 0 ? [{ guard: NAME, code: "long_line", severity: 0, where: "structure" }] : [];
}
