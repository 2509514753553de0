import { z } from "zod";
import { MAX_PROGRAM_TOTAL, parsePattern } from "../src/guards/pattern.ts";
import { GUARDED_PLACES } from "../src/model/finding.ts";
import { DEFAULT_PLACES, GUARDS } from "../src/model/guards.ts";
import type { GuardName } from "../src/model/guards.ts";
import { foldAddress, foldDomain } from "./address.ts";
import { choice, count, flag, form, name, section } from "./fields.ts";
import { outboundSection } from "./outbound-schema.ts";
import { must, wrong } from "./wording.ts";

// The document of one mailbox; its outbound half is in `outbound-schema.ts`. Every bound is in these two; every text is
// what the author of a policy reads.

export const MAX_SENDERS = 10_000;
export const MAX_CONTENT_GUARDS = 500;
const MAX_CAPABILITIES = 100;

const LIST_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const CAPABILITY = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$/;
const REASON = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

const SENDER_KEYS = ["address", "domain", "list"] as const;
type Asked = Partial<
  Record<"address" | "domain" | "list" | "subdomains" | "requireDkim" | "requireSpf" | "requireDmarc" | "allowUnverified", unknown>
>;

const match = section(
  {
    address: form(foldAddress, "an address like `boss@acme.example`, or `*`", "write one address; for a whole domain use `domain`")
      .optional()
      .describe("The one address of `From`, compared without case, domain as A-labels. `*`: any sender."),
    domain: form(foldDomain, "a domain like `acme.example`, or `*`", "write the bare domain; for its sub-domains add `subdomains: true`")
      .optional()
      .describe("Every address of exactly this domain. `*`: any sender."),
    subdomains: flag("Beside `domain`: its sub-domains too, at any depth.", "remove the key for the domain alone").optional(),
    list: name("the name of a list", LIST_NAME, "use letters, digits, `_`, `.` and `-`, at most 64")
      .optional()
      .describe("Every sender on this list of the tenant."),
    requireDkim: flag("A DKIM signature that passes and is aligned with `From`.", "write `true`, or remove the key").optional(),
    requireSpf: flag("An SPF pass that is aligned with `From`.", "write `true`, or remove the key").optional(),
    requireDmarc: flag("A DMARC pass.", "write `true`, or remove the key").optional(),
    allowUnverified: flag(
      "Lets in what neither SPF nor DKIM proves. Without it every rule asks for an aligned pass of one of them.",
      "write `true`, or remove the key",
    ).optional(),
  },
  "an object with one of `address`, `domain`, `list`",
  'write for example `{"address": "boss@acme.example"}`',
)
  .refine((asked) => named(asked).length === 1, {
    when: isObject,
    error: ({ input }) =>
      `must have exactly one of \`address\`, \`domain\`, \`list\`, has ${counted(named(input as Asked))}; fix: use \`"address": "*"\` for any sender, several rules for several senders`,
  })
  .refine((asked) => asked.subdomains !== true || (typeof asked.domain === "string" && asked.domain !== "*"), {
    when: isObject,
    path: ["subdomains"],
    error: "belongs beside `domain`, got `true` without one; fix: remove it, or name the domain",
  })
  .refine(
    (asked) => asked.allowUnverified !== true || !(asked.requireDkim === true || asked.requireSpf === true || asked.requireDmarc === true),
    {
      when: isObject,
      path: ["allowUnverified"],
      error: "contradicts a `require…` key beside it, got `true`; fix: remove one of the two",
    },
  );

function isObject(payload: { readonly value: unknown }): boolean {
  return typeof payload.value === "object" && payload.value !== null && !Array.isArray(payload.value);
}

function named(asked: Asked): readonly string[] {
  return SENDER_KEYS.filter((key) => asked[key] !== undefined);
}

function counted(keys: readonly string[]): string {
  return keys.length === 0 ? "none" : keys.map((key) => `\`${key}\``).join(" and ");
}

const capability = name("a capability name like `read_calendar`", CAPABILITY, "use letters, digits and `_ . : / -`, at most 100");

const capabilitiesSays = must(`a list of at most ${MAX_CAPABILITIES} different names`, "write `[]` for a sender who may only be heard");
const capabilities = z
  .array(capability, capabilitiesSays)
  .max(MAX_CAPABILITIES, capabilitiesSays)
  .refine((names) => new Set(names).size === names.length, {
    error: ({ input }) => wrong("must not repeat a name", repeated(input as readonly string[]), "remove the second one"),
  })
  .describe("What the agent may do for this message: opaque names of your tools. The grant carries exactly these.");

function repeated(names: readonly string[]): string | undefined {
  return names.find((entry, index) => names.indexOf(entry) !== index);
}

const NO_LIMIT = "give at least one, or remove the key for no limit";

/** `{}` says nothing and looks like a limit. */
function atLeastOne<Shape extends z.ZodRawShape>(shape: Shape, keys: string) {
  return section(shape, `an object with ${keys}`, NO_LIMIT).refine((limits) => Object.values(limits).some((limit) => limit !== undefined), {
    error: `names no limit, got \`{}\`; fix: ${NO_LIMIT}`,
  });
}

const rateLimit = atLeastOne(
  {
    perHour: count("Messages of one sender in a rolling hour.", "remove the field for no hourly limit").optional(),
    perDay: count("Messages of one sender in rolling 24 hours.", "remove the field for no daily limit").optional(),
  },
  "`perHour` or `perDay`",
);

const tokenBudget = atLeastOne(
  {
    perThread: count("Model tokens one thread may cost.", "remove the field for no limit by thread").optional(),
    perDay: count("Model tokens of one sender in rolling 24 hours.", "remove the field for no daily limit").optional(),
  },
  "`perThread` or `perDay`",
);

const sender = section(
  {
    match: match.describe("Who this rule is for, and how sure it must be."),
    capabilities,
    rateLimit: rateLimit.optional().describe("Messages of one sender that get through."),
    tokenBudget: tokenBudget.optional().describe("Model tokens messages of one sender may cost."),
    onLimit: choice(["refuse", "defer"], "Over a limit: refuse for good (550), or ask the sender to try later (451).").default("refuse"),
  },
  "an object with `match` and `capabilities`",
  "write one object a rule",
);

/** The pattern in normal form. */
const pattern = z
  .string(must("a pattern like `/ignore (previous|all) instructions/i`", "write `/source/flags`, or the bare source"))
  .transform((text, context) => {
    const parsed = parsePattern(text);
    if (parsed.ok) return parsed.pattern.text;
    const { what, why, position, fix } = parsed.problem;
    const place = position === null ? "" : ` at character ${position + 1}`;
    context.addIssue({ code: "custom", message: wrong(`${what}${place}${why === undefined ? "" : `, ${why}`}`, text, fix) });
    return z.NEVER;
  });

const reason = name("a snake_case code of at most 64 characters", REASON, "write for example `prompt_injection_suspected`").max(
  64,
  must("a snake_case code of at most 64 characters", "shorten it"),
);

const places = must(
  `a list of different places out of ${GUARDED_PLACES.map((place) => `\`${place}\``).join(", ")}`,
  "remove the key for the default",
);

const contentGuard = section(
  {
    reject: pattern.describe(
      "What to look for: `/source/flags` with the flags `i`, `m`, `s`, or a bare source, e.g. `(?i)wire transfer`. JavaScript syntax without backreferences and lookaround. Looked for in the text as it is, and as a person reads it: white space as one space, invisible characters gone.",
    ),
    reason: reason.describe("Recorded with the decision. Never told to the sender."),
    in: z
      .array(choice(GUARDED_PLACES, "A place."), places)
      .min(1, places)
      .refine((given) => new Set(given).size === given.length, places)
      .default([...DEFAULT_PLACES])
      .describe("Where to look. `hidden` is text a person would not see."),
    action: choice(["reject", "quarantine", "hold"], "What a match leads to. Of several matches the strictest counts.").default("reject"),
  },
  "an object with `reject` and `reason`",
  "write one object a guard",
);

function guardRule(guard: GuardName) {
  const above = must("a number from 0 to 3", "use 0–1 for a guard with a score, 0–3 for severities");
  return section(
    {
      above: z
        .number(above)
        .min(0, above)
        .max(3, above)
        .default(GUARDS[guard].above)
        .describe("A finding counts when its score (0–1), or else its severity (0–3), is strictly above."),
      action: choice(["reject", "quarantine", "hold", "record"], "What a finding that counts leads to."),
      mode: choice(["enforce", "shadow"], "`shadow` only records.").default("enforce"),
    },
    "an object with `action`",
    'write for example `{"action": "quarantine"}`',
  );
}

const guardNames = Object.keys(GUARDS) as readonly GuardName[];
type GuardShape = { [Name in GuardName]: z.ZodOptional<ReturnType<typeof guardRule>> };

const guards = section(
  Object.fromEntries(guardNames.map((guard) => [guard, guardRule(guard).optional().describe(GUARDS[guard].about)])) as GuardShape,
  "an object with one key a guard",
  "name a guard; your own patterns go into `contentGuards`",
);

const retention = must(
  "a whole number of days from 1 to 36500",
  "give at least 1; entries stay for ever, this is about their private details",
);

const auditLog = section(
  {
    retentionDays: z
      .int(retention)
      .min(1, retention)
      .max(36_500, retention)
      .default(90)
      .describe("Days the private details of an audit entry are kept."),
    includeBodyHash: flag("Record the SHA-256 of the body.", "write `true` or `false`").default(true),
  },
  "an object with `retentionDays` and `includeBodyHash`",
  "remove the key for the defaults",
);

const sendersSays = must(`a list of at most ${MAX_SENDERS} rules`, "write `[]` for nobody");
const contentGuardsSays = must(`a list of at most ${MAX_CONTENT_GUARDS} guards`, "merge patterns with `|`");

export const mailPolicy = section(
  {
    version: z.literal(1, must("`1`", "remove the key, or write 1")).default(1).describe("Version of this format."),
    senders: z
      .array(sender, sendersSays)
      .max(MAX_SENDERS, sendersSays)
      .describe("Who may write. The first rule that matches counts, top to bottom, even if a later one is narrower."),
    contentGuards: z
      .array(contentGuard, contentGuardsSays)
      .max(MAX_CONTENT_GUARDS, contentGuardsSays)
      .refine((list) => programTotal(list) <= MAX_PROGRAM_TOTAL, {
        error: ({ input }) =>
          `compile to ${programTotal(input as readonly { readonly reject: string }[])} steps together, at most ${MAX_PROGRAM_TOTAL} are allowed; fix: shorten counted repetitions, or use fewer guards`,
      })
      .prefault([])
      .describe("Patterns that no message may contain, whoever sends it."),
    guards: guards.default({}).describe("What findings of the built-in guards lead to. A guard without a key here only records."),
    defaultAction: choice(
      ["bounce", "drop", "quarantine", "hold"],
      "When no rule matches: refuse (550), accept and discard, or keep it from the agent until a person decides.",
    ),
    outbound: outboundSection.optional().describe("What the agent may send. Without it the defaults below, to everybody."),
    auditLog: auditLog.default({ retentionDays: 90, includeBodyHash: true }).describe("What is kept about each decision."),
  },
  "an object with `senders` and `defaultAction`",
  "write at least `{ senders: [], defaultAction: bounce }`",
);

function programTotal(list: readonly { readonly reject: string }[]): number {
  return list.reduce((sum, { reject }) => sum + sizeOf(reject), 0);
}

function sizeOf(text: string): number {
  const parsed = parsePattern(text);
  return parsed.ok ? parsed.pattern.size : 0;
}

/** A policy in normal form: every default written out, addresses folded, patterns as `/source/flags`, frozen. */
export type MailPolicy = Frozen<z.output<typeof mailPolicy>>;
export type SenderRule = MailPolicy["senders"][number];
export type OutboundRules = NonNullable<MailPolicy["outbound"]>;

/** What an author writes: defaults may be left out, and a pattern may be a RegExp. */
export type PolicyInput = Frozen<Omit<z.input<typeof mailPolicy>, "contentGuards">> & {
  readonly contentGuards?: readonly (Frozen<Omit<z.input<typeof contentGuard>, "reject">> & { readonly reject: RegExp | string })[];
};

type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T;
