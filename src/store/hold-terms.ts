import type { PolicyPin } from "../model/decision.ts";
import { DEFAULT_APPROVALS, reminders } from "../model/approvals.ts";
import { parseDuration } from "../model/duration.ts";
import { isId, type KeyId, type MailboxId, type PolicyId, type TenantId } from "../model/ids.ts";
import type { NewHold } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { Tx } from "./operation.ts";

/** What the mailbox's policy says now about whatever waits for people, for a hold that would begin now. */
export interface TermsToday {
  readonly terms: NewHold;
  /** Null: the mailbox has no policy, and the defaults hold. */
  readonly policy: PolicyPin | null;
}

interface Place {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

const selectPolicy = once((db, given: Place) =>
  db
    .selectFrom("mailboxes")
    .innerJoin("policies", "policies.id", "mailboxes.policy")
    .select(["policies.id", "policies.version", "policies.digest"])
    .where("mailboxes.tenant", "=", given.tenant)
    .where("mailboxes.id", "=", given.mailbox),
);

const selectDocument = once((db, given: { id: PolicyId }) => db.selectFrom("policies").select("document").where("id", "=", given.id));

/** DESIGN §4.4: read in the transaction that counts an approval, at deciding and at sending, never from the hold's own row. */
export async function termsToday({ db }: Tx, { tenant, mailbox }: Place, at: number): Promise<TermsToday> {
  const [policy] = await selectPolicy(db, { tenant, mailbox });
  if (policy === undefined) return { terms: termsAt(DEFAULTS, at), policy: null };
  return { terms: termsAt(await approvalsOf(db, policy), at), policy };
}

const KEPT = 256;
const read = new Map<string, Approvals>();

/** Every mail that leaves asks; a stored document may have a megabyte, and never changes: the database sees to that. */
async function approvalsOf(db: Tx["db"], { id, digest }: PolicyPin): Promise<Approvals> {
  const name = `${id} ${digest}`;
  const known = read.get(name);
  if (known !== undefined) return known;
  const [row] = await selectDocument(db, { id });
  const approvals = row === undefined ? UNREADABLE : readApprovals(row.document);
  if (read.size >= KEPT) read.delete(read.keys().next().value as string);
  read.set(name, approvals);
  return approvals;
}

/** `outbound.approvals` of the policy; durations in milliseconds. */
interface Approvals extends Omit<NewHold, "times"> {
  readonly remindAfter: number | null;
  readonly expireAfter: number;
}

const DEFAULTS: Approvals = {
  approvers: [],
  escalate_to: [],
  quorum: DEFAULT_APPROVALS.quorum,
  trust_namespace: DEFAULT_APPROVALS.trustNamespace,
  remindAfter: null,
  expireAfter: parseDuration(DEFAULT_APPROVALS.expireAfter)!,
};

/** More than anybody has keys: what cannot be read may be rejected and expires, and nobody can approve it (DESIGN §9.4). */
const UNREADABLE: Approvals = { ...DEFAULTS, quorum: Number.MAX_SAFE_INTEGER };

function termsAt({ remindAfter, expireAfter, ...terms }: Approvals, at: number): NewHold {
  const usual = reminders(expireAfter);
  const times = {
    remind_at: at + (remindAfter ?? usual.remindAfter),
    escalate_at: at + usual.escalateAfter,
    expires_at: at + expireAfter,
  };
  return { ...terms, times };
}

/** The document was checked when it was stored; by older or newer code perhaps, so nothing in it is taken for granted. */
function readApprovals(document: string): Approvals {
  const policy = parse(document);
  if (!isObject(policy)) return UNREADABLE;
  const { outbound } = policy;
  if (outbound === undefined) return DEFAULTS;
  if (!isObject(outbound)) return UNREADABLE;
  const { approvals } = outbound;
  if (approvals === undefined) return DEFAULTS;
  return isObject(approvals) ? approvalsIn(approvals) : UNREADABLE;
}

function approvalsIn({ quorum = DEFAULTS.quorum, ...section }: Readonly<Record<string, unknown>>): Approvals {
  const approvers = keysIn(section["approvers"]);
  const escalate_to = keysIn(section["escalateTo"]);
  if (approvers === null || escalate_to === null || !isCount(quorum)) return UNREADABLE;
  return {
    approvers,
    escalate_to,
    quorum,
    trust_namespace: section["trustNamespace"] === true,
    remindAfter: milliseconds(section["remindAfter"]),
    expireAfter: milliseconds(section["expireAfter"]) ?? DEFAULTS.expireAfter,
  };
}

function parse(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** Left out: nobody in particular. Null: no list of keys. */
function keysIn(value: unknown): readonly KeyId[] | null {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every((id) => typeof id === "string" && isId("key", id)) ? value : null;
}

/** A duration of a policy; null: none that can be read. */
function milliseconds(value: unknown): number | null {
  return typeof value === "string" ? parseDuration(value) : null;
}
