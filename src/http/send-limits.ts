import { DEFAULT_OUTBOUND } from "../../policies/define.ts";
import { readStored } from "../../policies/stored.ts";
import type { OutboundDecision } from "../model/decision.ts";
import { PosternError } from "../model/errors.ts";
import type { MailboxRow } from "../store/contract.ts";
import type { SendCaps, SendWindows } from "../store/contract-outbound.ts";
import type { HttpDeps } from "./deps.ts";

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;

/** How full a mailbox's windows are, and how much they take. */
interface Limits {
  readonly caps: SendCaps;
  readonly windows: SendWindows;
  readonly at: number;
}

/** `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers; `t` is when the window has room for one more. */
export async function limitHeaders(deps: HttpDeps, mailbox: MailboxRow): Promise<Readonly<Record<string, string>>> {
  return headersOf(await limitsOf(deps, mailbox));
}

/** NY-13, PB-06: which window is full, and when it has room again. */
export async function tooManySends(deps: HttpDeps, mailbox: MailboxRow, { id, reason }: OutboundDecision): Promise<PosternError> {
  const limits = await limitsOf(deps, mailbox);
  const { windows, at } = limits;
  return new PosternError("too_many_requests", `the mailbox has sent as much as it may: \`${reason}\``, {
    temporary: true,
    fix: "wait, or ask an operator for a higher cap in the policy",
    members: { decision_id: id, reason },
    retryAfter: secondsTo(Math.max(windows.hour.free_at, windows.day.free_at), at),
    headers: headersOf(limits),
  });
}

async function limitsOf({ store, clock }: HttpDeps, { tenant, id: mailbox }: MailboxRow): Promise<Limits> {
  const row = await store.run("policies.current", { tenant, mailbox });
  const { perHour, perDay } = (row === null ? null : readStored(row.digest, row.document)?.outbound) ?? DEFAULT_OUTBOUND;
  const [caps, at] = [{ perHour, perDay }, clock()];
  const windows = await store.run("outbound.windows", { tenant, mailbox, caps, at });
  return { caps, at, windows: windows ?? { hour: { used: 0, free_at: at }, day: { used: 0, free_at: at } } };
}

function headersOf({ caps, windows: { hour, day }, at }: Limits): Readonly<Record<string, string>> {
  const window = (name: string, cap: number, { used, free_at }: SendWindows["hour"]): string =>
    `"${name}";r=${Math.max(0, cap - used)};t=${secondsTo(free_at, at)}`;
  return {
    "ratelimit-policy": `"hour";q=${caps.perHour};w=${HOUR_S}, "day";q=${caps.perDay};w=${DAY_S}`,
    ratelimit: `${window("hour", caps.perHour, hour)}, ${window("day", caps.perDay, day)}`,
  };
}

function secondsTo(at: number, now: number): number {
  return Math.max(0, Math.ceil((at - now) / 1_000));
}
