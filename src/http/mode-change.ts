import { hashModeCode, makeModeCode, MODE_CODE_MS } from "../grants/mode-code.ts";
import { foldAddress } from "../mail/address.ts";
import type { Channel } from "../model/channel.ts";
import { PosternError } from "../model/errors.ts";
import type { Mode } from "../model/outbound.ts";
import type { MailboxRow } from "../store/contract.ts";
import type { ModeRefusal } from "../store/contract-outbound.ts";
import type { Caller } from "./auth.ts";
import { channelProblem } from "./channels.ts";
import type { HttpDeps } from "./deps.ts";
import { freshEntry } from "./fresh.ts";
import { notFound } from "./problem.ts";

export interface MadeCode {
  /** Shown once. */
  readonly code: string;
  /** Epoch milliseconds. */
  readonly expires_at: number;
}

/** MM-28: an operator's word that this mailbox may go up to this mode, once. */
export async function makeCode(deps: HttpDeps, { tenant, actor }: Caller, { id }: MailboxRow, mode: Mode): Promise<MadeCode> {
  const made = makeModeCode(deps.random);
  const fresh = freshEntry(deps);
  const expires_at = fresh.at + MODE_CODE_MS;
  await deps.store.run("oversight.put_code", { tenant, mailbox: id, mode, hash: made.hash, expires_at, actor, ...fresh });
  return { code: made.code, expires_at };
}

/** What is left out stays as it is. */
interface Change {
  readonly mode?: Mode;
  /** Folded. */
  readonly address?: string | null;
  readonly channels?: readonly Channel[];
}

/** For a new mailbox: an operator needs no code of their own making. */
export async function setFirstMode(
  deps: HttpDeps,
  caller: Caller,
  mailbox: MailboxRow,
  change: Required<Pick<Change, "mode" | "address">>,
): Promise<void> {
  const operator = caller.key.scopes.includes("operator");
  const code = operator ? (await makeCode(deps, caller, mailbox, change.mode)).code : null;
  await changeMailbox(deps, caller, mailbox, change, code);
}

/** Folded, of a mailbox that is there or about to be. */
export function overseerIn(text: string | null): string | null {
  const address = text === null ? null : foldAddress(text);
  if (text === null || address !== null) return address;
  throw new PosternError("invalid_request", "`oversight_address` is not an address", {
    fix: "write one like `oversight@acme.example`",
    problems: [{ path: "oversight_address", message: "must be one address" }],
  });
}

/** MM-05: a copy that nobody gets would be none. */
export function addressRequired(): PosternError {
  return new PosternError("invalid_request", "a `monitored` mailbox needs an `oversight_address`", {
    fix: "name who gets the copies in `oversight_address` (`--copy-to`), or take another mode",
    problems: [{ path: "oversight_address", message: "must be one address while the mode is `monitored`" }],
  });
}

/** All of it, or nothing: the mode down at once, up with an operator's code. `code`: as it was typed. */
export async function changeMailbox(
  deps: HttpDeps,
  { tenant, actor }: Caller,
  { id }: MailboxRow,
  change: Change,
  code: string | null,
): Promise<void> {
  const code_hash = code === null ? null : hashModeCode(code);
  const changed = await deps.store.run("mailboxes.change", { tenant, mailbox: id, ...change, code_hash, actor, ...freshEntry(deps) });
  if (changed === null) throw notFound("mailbox");
  if ("refused" in changed)
    throw "channel" in changed ? channelProblem(changed, change.channels ?? []) : refusalProblem(changed.refused, change);
}

const ASK = "ask an operator for a code: `postern mailbox mode-code`, or `POST /v1/mailboxes/{id}/mode-code`";

function refusalProblem(refused: ModeRefusal, { mode }: Change): PosternError {
  switch (refused) {
    case "address_required":
      return addressRequired();
    case "code_required":
      return new PosternError("mode_code_required", `going up to \`${mode}\` needs an operator's code`, { fix: ASK });
    case "code_invalid":
      return new PosternError("mode_code_required", "this code is not valid for this mailbox and mode, was used, or is over", { fix: ASK });
    default:
      return refused satisfies never;
  }
}
