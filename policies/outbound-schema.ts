import { z } from "zod";
import { DEFAULT_APPROVALS } from "../src/model/approvals.ts";
import { formatDuration, parseDuration } from "../src/model/duration.ts";
import { isId } from "../src/model/ids.ts";
import { MODES } from "../src/model/outbound.ts";
import { choice, count, flag, form, section } from "./fields.ts";
import { parseEntry } from "./recipients.ts";
import { must, wrong } from "./wording.ts";

// The outbound half of the document of one mailbox: to whom, how much, and who looks at it first.

const MAX_ENTRIES = 10_000;
const MAX_KEYS = 100;
const MAX_DAYS = 365;

const entriesSays = must(`a list of at most ${MAX_ENTRIES} recipients`, "name domains instead of addresses");
const entry = form(
  parseEntry,
  "a recipient like `anna@acme.example`, `acme.example`, `*.acme.example` or `*`",
  "write one address, one domain, `*.` before a domain for all below it as well, or `*` for everybody",
);

function entries(about: string) {
  return z.array(entry, entriesSays).max(MAX_ENTRIES, entriesSays).describe(about);
}

/** Normal form: the longest unit that divides it. */
function duration(about: string, fix: string) {
  const be = `a duration like \`30 s\`, \`90 min\`, \`36 h\` or \`7 days\`, at most \`${MAX_DAYS} days\``;
  const says = must(be, fix);
  return z
    .string(says)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== null && ms <= MAX_DAYS * 86_400_000) return formatDuration(ms);
      context.addIssue({ code: "custom", message: wrong(`must be ${be}`, text, fix) });
      return z.NEVER;
    })
    .describe(about);
}

const keySays = must("the id of a key like `key_2n4p6r8t0v1x3z5b7d9f1h3k`", "take it from `postern key create`");

function keys(about: string, fix: string) {
  const says = must(`a list of 1 to ${MAX_KEYS} different ids of keys`, fix);
  const key = z.string(keySays).refine((id) => isId("key", id), keySays);
  return z
    .array(key, says)
    .min(1, says)
    .max(MAX_KEYS, says)
    .refine((ids) => new Set(ids).size === ids.length, says)
    .describe(about);
}

const quorumSays = must(`a whole number from 1 to ${MAX_KEYS}`, "remove the field for one approval");

const approvals = section(
  {
    approvers: keys(
      "Keys with the scope `oversight` that may decide. Without it: every such key that may see the mailbox.",
      "remove the field for every key with the scope `oversight`",
    ).optional(),
    quorum: z
      .int(quorumSays)
      .min(1, quorumSays)
      .max(MAX_KEYS, quorumSays)
      .default(DEFAULT_APPROVALS.quorum)
      .describe("Different approvers who must approve the same content."),
    expireAfter: duration("A draft nobody decided by then expires; it is never sent for that.", "remove the field for 7 days").prefault(
      DEFAULT_APPROVALS.expireAfter,
    ),
    remindAfter: duration("When approvers are reminded. Default: half of `expireAfter`.", "remove the field for half of it").optional(),
    escalateTo: keys(
      "Keys that may decide beside `approvers` once four fifths of `expireAfter` have passed.",
      "remove the field for nobody else",
    ).optional(),
    trustNamespace: flag(
      "Lets unsigned signals decide: then whoever may write to the Temporal namespace can approve.",
      "write `true`, or remove the field",
    ).default(DEFAULT_APPROVALS.trustNamespace),
  },
  "an object like `{ quorum: 2 }`",
  "remove the field for one approval by any key with the scope `oversight`",
)
  .refine(({ approvers, quorum }) => approvers === undefined || approvers.length === 0 || quorum <= approvers.length, {
    path: ["quorum"],
    error: ({ input }) =>
      wrong("must not be more than the approvers there are", (input as { quorum: number }).quorum, "name more `approvers`, or lower it"),
  })
  .refine(({ remindAfter, expireAfter }) => remindAfter === undefined || shorter(remindAfter, expireAfter), {
    path: ["remindAfter"],
    error: ({ input }) => wrong("must be before `expireAfter`", (input as { remindAfter: string }).remindAfter, "shorten it, or remove it"),
  });

function shorter(one: string, other: string): boolean {
  return (parseDuration(one) ?? 0) < (parseDuration(other) ?? 0);
}

export const outboundSection = section(
  {
    maxMode: choice(MODES, "Lowers the mailbox's oversight mode to at most this one. Never raises it.").optional(),
    allow: entries(
      "Who may be written to: an address, a domain alone, `*.` and a domain for it and all below it, or `*`. Without it everybody; `[]` is nobody.",
    ).optional(),
    block: entries("Who is never written to, in the same form. Comes before `allow`.").default([]),
    perHour: count("Messages in a rolling hour.", "remove the field for 50").default(50),
    perDay: count("Messages in rolling 24 hours.", "remove the field for 500").default(500),
    firstContact: choice(
      ["approve"],
      "The first message to a domain this mailbox never wrote to waits for a person, whatever the mode.",
    ).optional(),
    approvals: approvals.prefault({}).describe("Who decides about what waits, how many of them, and until when."),
  },
  "an object like `{ maxMode: gated_send, perHour: 20 }`",
  "remove the key for the defaults",
);
