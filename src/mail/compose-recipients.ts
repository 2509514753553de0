import { foldDomain, formatAddress, parseAddress } from "./address.ts";
import { hasControl, quoted } from "./compose-text.ts";
import { readMailboxField } from "./mailbox.ts";
import type { Problem } from "../model/errors.ts";
import { foldRecipient } from "../model/fold.ts";
import { SUBMISSION_LIMITS, type Recipient, type RecipientKind, type Submission } from "../model/outbound.ts";

export interface NamedRecipient extends Recipient {
  /** Shown before the address; empty for none. */
  readonly name: string;
}

/** Strongest first: who is named openly is not blind as well. */
const KINDS = ["to", "cc", "bcc"] as const satisfies readonly RecipientKind[];

const NAME_CHARACTERS = 128;
const ENTRY_CHARACTERS = 1_000;

/** Everybody who gets the mail, once each, under the strongest kind they were given under. */
export function readRecipients(submission: Pick<Submission, RecipientKind>, problems: Problem[]): readonly NamedRecipient[] {
  const given = KINDS.flatMap((kind) => submission[kind].map((entry, index) => ({ kind, entry, path: `${kind}[${index}]` })));
  if (given.length === 0) problems.push(NOBODY);
  if (given.length > SUBMISSION_LIMITS.recipients) {
    problems.push(TOO_MANY);
    return [];
  }
  const read = given.map(({ kind, entry, path }) => readRecipient(kind, entry, path, problems)).filter((one) => one !== null);
  return firstOfEach(read);
}

function firstOfEach(recipients: readonly NamedRecipient[]): NamedRecipient[] {
  const byAddress = new Map<string, NamedRecipient>();
  for (const recipient of recipients) {
    const folded = foldRecipient(recipient.address);
    if (!byAddress.has(folded)) byAddress.set(folded, recipient);
  }
  return [...byAddress.values()];
}

function readRecipient(kind: RecipientKind, entry: string, path: string, problems: Problem[]): NamedRecipient | null {
  const read = parseRecipient(entry.trim());
  if ("address" in read) return { kind, ...read };
  problems.push({ path, message: read.wrong });
  return null;
}

type Read = { readonly address: string; readonly name: string } | { readonly wrong: string };

/** `a@b.example`, `Name <a@b.example>` or `"Name" <a@b.example>`. */
export function parseRecipient(entry: string): Read {
  if (hasControl(entry)) return { wrong: "holds a line break, NUL or another control character; fix: give one address in one line" };
  if (entry.length > ENTRY_CHARACTERS) return { wrong: `is longer than ${ENTRY_CHARACTERS} characters; fix: leave out the name` };
  if (!entry.isWellFormed()) return { wrong: "is not well-formed Unicode; fix: remove the half of a surrogate pair" };
  const field = readMailboxField(entry);
  if (field.kind === "not_one") return { wrong: `${quoted(entry)} ${FAULTS[field.why]}` };
  const name = nameOf(entry);
  if (name === null) return { wrong: `${quoted(entry)} ${COMMENT}` };
  if (name.length > NAME_CHARACTERS) return { wrong: `has a name of more than ${NAME_CHARACTERS} characters; fix: shorten it` };
  return addressed(field.address, name);
}

function addressed(text: string, name: string): Read {
  const address = parseAddress(text);
  const domain = address === null ? null : foldDomain(address.domain);
  if (address === null || domain === null) return { wrong: `${quoted(text)} ${FAULTS.malformed}` };
  // RFC 5321 §2.3.5: only whole names are domains; a short one would be whatever the next hop makes of it.
  if (!domain.includes(".")) return { wrong: `${quoted(text)} ${FAULTS.short}` };
  // RFC 6531 mail reaches nobody whose server, and every one before it, does not take it.
  if (!/^[\x20-\x7e]*$/.test(address.local))
    return {
      wrong: `${quoted(text)} has characters before the \`@\` that are not ASCII; fix: use an address that every mail server takes`,
    };
  return { address: formatAddress({ local: address.local, domain }), name };
}

/** What stands before `<`, unquoted. Null: it holds a comment, which readers show or drop as they like. */
function nameOf(entry: string): string | null {
  const [name, hasComment] = readName(entry);
  return hasComment ? null : name.trim();
}

function readName(entry: string): readonly [name: string, hasComment: boolean] {
  let [name, inQuotes] = ["", false];
  for (let at = 0; at < entry.length; at++) {
    const character = entry.charAt(at);
    if (character === '"') inQuotes = !inQuotes;
    else if (inQuotes && character === "\\") name += entry.charAt(++at);
    else if (inQuotes) name += character;
    else if (character === "(") return [name, true];
    else if (character === "<") return [name, entry.indexOf("(", entry.lastIndexOf(">")) !== -1];
    else name += character;
  }
  return ["", false];
}

const FAULTS = {
  several_addresses: "holds more than one address; fix: give each one an entry of its own, and put a name with a comma in quotes",
  group: "is a group; fix: name every recipient by its address",
  short: "has no whole domain; fix: write it out, like `name@domain.example`",
  malformed: "is not an address; fix: write `name@domain.example` or `Name <name@domain.example>`",
} as const;
const COMMENT = "holds a comment in brackets; fix: leave it out, or put the name in quotes";
const NOBODY: Problem = { path: "to", message: "names nobody; fix: give at least one recipient in `to`, `cc` or `bcc`" };
const TOO_MANY: Problem = {
  path: "to",
  message: `and \`cc\` and \`bcc\` name more than ${SUBMISSION_LIMITS.recipients} recipients; fix: send to fewer at once`,
};
