import { foldSender } from "./address.ts";
import type { MailPolicy, SenderRule } from "./schema.ts";

type Match = SenderRule["match"];

/** For each name a rule can match by: the first rule that does. */
interface SenderIndex {
  readonly addresses: ReadonlyMap<string, number>;
  readonly domains: ReadonlyMap<string, number>;
  /** Rules with `subdomains: true`, by their domain. */
  readonly parents: ReadonlyMap<string, number>;
  readonly lists: ReadonlyMap<string, number>;
  /** The first `*` rule. */
  readonly any: number;
}

const NONE = Number.POSITIVE_INFINITY;

/** Policies are frozen and live as long as their cache entry, so their index does too. */
const indices = new WeakMap<MailPolicy, SenderIndex>();

/**
 * Index of the first rule that matches, or null (MB-03). A few look-ups, however many rules there are: the lowest index
 * over the address, the domain, its parents, the lists and `*` is what reading top to bottom would find.
 */
export function matchSender(policy: MailPolicy, address: string, lists: readonly string[]): number | null {
  const index = indexOf(policy);
  const sender = foldSender(address);
  let first = Math.min(index.any, at(index.addresses, sender.address), at(index.domains, sender.domain));
  for (const parent of parentsOf(sender.domain)) first = Math.min(first, at(index.parents, parent));
  for (const list of lists) first = Math.min(first, at(index.lists, list));
  return first === NONE ? null : first;
}

function at(map: ReadonlyMap<string, number>, key: string): number {
  return map.get(key) ?? NONE;
}

/** The domain itself and every domain above it. */
function* parentsOf(domain: string): Generator<string> {
  for (let rest = domain; rest !== "";) {
    yield rest;
    const dot = rest.indexOf(".");
    rest = dot < 0 ? "" : rest.slice(dot + 1);
  }
}

function indexOf(policy: MailPolicy): SenderIndex {
  const known = indices.get(policy);
  if (known !== undefined) return known;
  const index = buildIndex(policy.senders.map(({ match }) => match));
  indices.set(policy, index);
  return index;
}

function buildIndex(matches: readonly Match[]): SenderIndex {
  const by = (key: (match: Match) => string | undefined) => firstOf(matches.map(key));
  return {
    addresses: by((match) => match.address),
    domains: by((match) => match.domain),
    parents: by((match) => (match.subdomains === true ? match.domain : undefined)),
    lists: by((match) => match.list),
    any: by((match) => (match.address === "*" || match.domain === "*" ? "*" : undefined)).get("*") ?? NONE,
  };
}

function firstOf(keys: readonly (string | undefined)[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const [index, key] of keys.entries()) if (key !== undefined && !first.has(key)) first.set(key, index);
  return first;
}
