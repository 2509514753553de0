import { createHash } from "node:crypto";
import { ApplicationFailure } from "@temporalio/common";
import { CAPABILITY_DENIED } from "../src/model/agent.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import { PosternError } from "../src/model/errors.ts";
import { makeId, type Id, type MailboxId, type MessageId, type TenantId } from "../src/model/ids.ts";
import type { Store, Trace } from "../src/store/contract.ts";
import { deliveryOf, type Delivered, type DeliveredDeps, type NotDelivered } from "./delivered.ts";
import { policyInForce } from "./policy.ts";

/** What an agent's workflow is about to do. */
export interface Act {
  /** Activity or tool, as the worker's owner names it. */
  readonly name: string;
  /** Any of them allows it; empty: nothing does. Null: whoever has the mail may. */
  readonly needs: readonly string[] | null;
}

export interface AllowDeps extends DeliveredDeps {
  readonly random: (bytes: number) => Uint8Array;
  /** Whose audit has what no mail can be named for. */
  readonly instance: () => Promise<TenantId>;
}

export type DenialReason = Exclude<NotDelivered, "stopped"> | "not_granted" | "no_author";

/** Details of the failure. Codes and names of the owner's own. */
export interface DenialDetails {
  readonly act: string;
  readonly reason: DenialReason;
}

/** Denials of one kind that are recorded once: a loop must not write the audit full. Milliseconds. */
const ONCE_MS = 60_000;

/**
 * MB-06 for workflows: the mail that the act is on behalf of, or a failure `capability_denied` that is audited first and not
 * retried; while the mailbox is stopped, `forbidden`, which is. Asked at every act, so that what is withdrawn counts at once.
 *
 * Threat: workflow code names the mail. It can name another one that was delivered to the same workflow, so with one
 * workflow a thread it is the team's code, not its model, that must keep the mails of a thread apart; it cannot name one
 * of another thread, mailbox or tenant, nor make up a capability.
 */
export async function allow(deps: AllowDeps, ref: DispatchRef | null, act: Act, trace: Trace): Promise<Delivered> {
  const delivery = await deliveryOf(deps, ref, trace.workflow_id);
  if (!delivery.ok) {
    const { why: reason, message } = delivery;
    if (reason === "stopped") throw stopped();
    return deny(deps, act, { reason, message }, trace);
  }
  const { delivered } = delivery;
  if (act.needs === null || act.needs.some((name) => delivered.message.capabilities.includes(name))) return delivered;
  return deny(deps, act, { reason: "not_granted", message: delivered.message }, trace);
}

interface Denial {
  readonly reason: DenialReason;
  readonly message: { readonly id: MessageId; readonly tenant: TenantId; readonly mailbox: MailboxId } | null;
}

/** Never returns. */
export async function deny(deps: AllowDeps, act: Act, { reason, message }: Denial, trace: Trace): Promise<never> {
  const tenant = message?.tenant ?? (await deps.instance());
  await deps.store.run("audit.append", {
    id: entryId(deps, act, reason, message?.id ?? null, trace),
    tenant,
    at: deps.clock(),
    action: "capability.denied",
    actor: "namespace",
    message: message?.id ?? null,
    mailbox: message?.mailbox ?? null,
    facts: { reason },
    // A team names its workflows as it likes, also by people.
    details: { act: act.name, capability: act.needs?.join(" ") ?? null, workflow_id: trace.workflow_id, run_id: trace.run_id },
    salt: Buffer.from(deps.random(16)).toString("hex"),
    retentionDays: message === null ? DEFAULT_RETENTION_DAYS : await retentionDays(deps, message),
  });
  const details: DenialDetails = { act: act.name, reason };
  throw ApplicationFailure.create({ type: CAPABILITY_DENIED, message: CAPABILITY_DENIED, nonRetryable: true, details: [details] });
}

/** for now. The activity is tried again as its retry policy says. */
function stopped(): ApplicationFailure {
  return ApplicationFailure.create({ type: "forbidden", message: "forbidden", details: [{ reason: "stopped" }] });
}

/** Kept this long where no policy says otherwise. */
const DEFAULT_RETENTION_DAYS = 90;

async function retentionDays({ store }: AllowDeps, place: { readonly tenant: TenantId; readonly mailbox: MailboxId }): Promise<number> {
  const { policy } = await policyInForce(store, place);
  return policy?.auditLog.retentionDays ?? DEFAULT_RETENTION_DAYS;
}

/** The same for the same denial within a minute: appended once. */
function entryId({ clock }: AllowDeps, act: Act, reason: string, message: MessageId | null, trace: Trace): Id<"aud"> {
  const minute = Math.floor(clock() / ONCE_MS);
  const named = JSON.stringify([trace.run_id, act.name, act.needs, reason, message, minute]);
  return makeId("aud", createHash("sha256").update(named).digest().subarray(0, 16));
}

/** The first tenant's: its audit has what nobody can be named for. */
export async function instanceOf(store: Store): Promise<TenantId> {
  const tenant = await store.run("tenants.first", {});
  if (tenant === null) throw new PosternError("internal", "the instance has no tenant");
  return tenant.id;
}
