import { hashModeCode, makeModeCode, MODE_CODE_MS } from "../grants/mode-code.ts";
import { foldAddress } from "../mail/address.ts";
import { PosternError } from "../model/errors.ts";
import type { Mode } from "../model/outbound.ts";
import type { MailboxRow } from "../store/contract.ts";
import type { Caller } from "./auth.ts";
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

export interface ModeChange {
  readonly mode: Mode;
  /** Folded; left out: stays as it is. */
  readonly address?: string | null;
}

/** For a new mailbox: an operator needs no code of their own making. */
export async function setFirstMode(deps: HttpDeps, caller: Caller, mailbox: MailboxRow, change: ModeChange): Promise<void> {
  const operator = caller.key.scopes.includes("operator");
  const code = operator ? (await makeCode(deps, caller, mailbox, change.mode)).code : null;
  await setMode(deps, caller, mailbox, change, code);
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

/** Down at once, up with an operator's code. `text`: as it was typed. */
export async function setMode(
  deps: HttpDeps,
  { tenant, actor }: Caller,
  { id }: MailboxRow,
  { mode, address }: ModeChange,
  text: string | null,
): Promise<void> {
  const code_hash = text === null ? null : hashModeCode(text);
  const change = { tenant, mailbox: id, mode, code_hash, actor, ...freshEntry(deps), ...(address === undefined ? {} : { address }) };
  const changed = await deps.store.run("oversight.set_mode", change);
  if (changed === null) throw notFound("mailbox");
  if (!("refused" in changed)) return;
  if (changed.refused === "address_required") throw addressRequired();
  const fix = "ask an operator for a code: `postern mailbox mode-code`, or `POST /v1/mailboxes/{id}/mode-code`";
  if (changed.refused === "code_required")
    throw new PosternError("mode_code_required", `going up to \`${mode}\` needs an operator's code`, { fix });
  throw new PosternError("mode_code_required", "this code is not valid for this mailbox and mode, was used, or is over", { fix });
}
