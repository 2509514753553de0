import { types } from "node:util";
import type { z } from "zod";
import { formatRegExp } from "../src/guards/pattern.ts";
import type { Problem } from "../src/model/errors.ts";
import { invalidDocument, problemsOf } from "./problems.ts";
import { mailPolicy } from "./schema.ts";
import type { MailPolicy, OutboundRules, PolicyInput } from "./schema.ts";
import { nearest, wrong } from "./wording.ts";

/** UTF-8 bytes of a document, as text and as normalised JSON. */
export const MAX_DOCUMENT = 1 << 20;

export interface PolicyOptions {
  /** Names of the tenant's lists; a rule that names another one is refused. Default: none. */
  readonly lists?: readonly string[];
}

/**
 * A policy written in TypeScript. Returns it in normal form: plain data, frozen, every default written out, RegExps as
 * `/source/flags`. Two documents that say the same have the same digest, whatever they were written in.
 *
 * Throws `PosternError` `invalid_policy` with every problem at once, each with path, value and fix.
 */
export function definePolicy(input: PolicyInput, options: PolicyOptions = {}): MailPolicy {
  return readPolicy(input, options);
}

/** The same for data of unknown origin. */
export function readPolicy(input: unknown, options: PolicyOptions = {}): MailPolicy {
  const read = mailPolicy.safeParse(plain(input));
  if (!read.success) throw invalidDocument("policy", problemsOf(read.error.issues, "policy"));
  const policy = freeze(withoutFalse(read.data)) as MailPolicy;
  const problems = [...unknownLists(policy, options.lists ?? []), ...oversize(policy)];
  if (problems.length > 0) throw invalidDocument("policy", problems);
  return policy;
}

/** What a mailbox without a policy is judged by: nobody may write. */
export const DEFAULT_POLICY: MailPolicy = definePolicy({ senders: [], defaultAction: "bounce" });

/** What outbound mail is judged by where the policy does not speak of it. */
export const DEFAULT_OUTBOUND = definePolicy({ senders: [], defaultAction: "bounce", outbound: {} }).outbound as OutboundRules;

/** Copies objects and arrays without `undefined`, RegExps as text. The document is five levels deep; more is left as it is. */
function plain(value: unknown, depth = 8): unknown {
  if (types.isRegExp(value)) return formatRegExp(value);
  if (depth === 0 || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => plain(item, depth - 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item, depth - 1)]));
}

/** A flag that is off says nothing: both ways of writing it have one digest. */
function withoutFalse(policy: z.output<typeof mailPolicy>): z.output<typeof mailPolicy> {
  const senders = policy.senders.map((rule) => ({
    ...rule,
    match: Object.fromEntries(Object.entries(rule.match).filter(([, value]) => value !== false)),
  }));
  return { ...policy, senders };
}

function freeze(value: object): object {
  for (const item of Object.values(value)) if (typeof item === "object" && item !== null) freeze(item as object);
  return Object.freeze(value);
}

function unknownLists(policy: MailPolicy, lists: readonly string[]): readonly Problem[] {
  const known = new Set(lists);
  return policy.senders.flatMap(({ match }, index) => {
    if (match.list === undefined || known.has(match.list)) return [];
    const near = nearest(match.list, lists);
    const fix = near === null ? "create the list first, or match an address or a domain" : `did you mean \`${near}\`?`;
    return [{ path: `senders[${index}].match.list`, message: wrong("must name a list that exists", match.list, fix) }];
  });
}

function oversize(policy: MailPolicy): readonly Problem[] {
  const size = Buffer.byteLength(JSON.stringify(policy));
  return size <= MAX_DOCUMENT ? [] : [{ path: "policy", message: tooLong(size) }];
}

export function tooLong(size: number): string {
  return `must be at most ${MAX_DOCUMENT} bytes, has ${size}; fix: put senders that share a rule on a list`;
}
