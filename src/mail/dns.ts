import { Resolver as SystemDns } from "node:dns/promises";
import { PosternError, type Problem } from "../model/errors.ts";

/**
 * DNS as mail authentication asks for it. TXT answers are lists of character strings, MX `{priority, exchange}`, others
 * strings. Rejects with an Error whose `code` is `ENOTFOUND` (no such name), `ENODATA` (no such record) or anything
 * else, which means "not now". Whoever answers here decides who is believed to have sent a mail.
 */
export type Resolver = (name: string, type: string) => Promise<unknown[]>;

export type DnsFailure = "ENOTFOUND" | "ENODATA" | "ETIMEOUT";

export function dnsError(code: DnsFailure): Error & { code: DnsFailure } {
  return Object.assign(new Error(`dns ${code}`), { code });
}

/** No such name, or no such record: an answer, not a failure. */
export function isNegative(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return code === "ENOTFOUND" || code === "ENODATA";
}

/** The machine's resolver. `timeoutMs` is per attempt; two attempts are made. */
export function createSystemResolver(options: { readonly timeoutMs: number; readonly servers?: readonly string[] }): Resolver {
  const dns = new SystemDns({ timeout: options.timeoutMs, tries: 2 });
  if (options.servers !== undefined) dns.setServers(options.servers);
  return async (name, type) => {
    if (!isQueryable(name)) throw dnsError("ENOTFOUND");
    const answer: unknown = await dns.resolve(name, type).catch((error: unknown) => {
      throw isBadName(error) ? dnsError("ENOTFOUND") : error;
    });
    return Array.isArray(answer) ? answer : [answer];
  };
}

// The system library reads names as C strings: `victim.example\0.evil.example` would ask for the victim's record.
function isQueryable(name: string): boolean {
  if (name.length === 0 || name.length > 254) return false;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code <= 0x20 || code >= 0x7f || code === 0x5c) return false;
  }
  return true;
}

function isBadName(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EBADNAME";
}

/**
 * `{"acme.example": {"TXT": ["v=spf1 -all"], "MX": [[10, "mx.acme.example"]], "A": "TEMPFAIL"}}` (DESIGN §7). Instead of
 * records, `"TEMPFAIL"` makes the look-up fail for now and `"TARPIT"` never answers it.
 */
export type Zone = Readonly<Record<string, Readonly<Record<string, Records>>>>;

type Records = readonly unknown[] | "TEMPFAIL" | "TARPIT";

/** Answers from a zone instead of DNS, for tests and the demo. Names are case-insensitive; names not in it do not exist. */
export function createZoneResolver(zone: unknown): Resolver {
  const names = readZone(zone);
  return async (name, type) => {
    const records = names.get(name.toLowerCase());
    if (records === undefined) throw dnsError("ENOTFOUND");
    const answer = records.get(type.toUpperCase());
    if (answer === undefined) throw dnsError("ENODATA");
    if (answer === "TEMPFAIL") throw dnsError("ETIMEOUT");
    if (answer === "TARPIT") return new Promise<never>(() => {});
    return [...answer];
  };
}

type ZoneNames = ReadonlyMap<string, ReadonlyMap<string, Records>>;

function readZone(zone: unknown): ZoneNames {
  const problems: Problem[] = [];
  const names = new Map<string, Map<string, Records>>();
  for (const [name, records] of entriesOf(zone, "zone", problems)) {
    const path = `zone["${name}"]`;
    const types = entriesOf(records, path, problems).map(
      ([type, value]) => [type, readRecords(type, value, `${path}.${type}`, problems)] as const,
    );
    names.set(name.toLowerCase(), new Map(types));
  }
  if (problems.length === 0) return names;
  throw new PosternError("invalid_config", "the zone is not usable", { fix: "write it as {name: {type: [record, …]}}", problems });
}

function entriesOf(value: unknown, path: string, problems: Problem[]): [string, unknown][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  problems.push({ path, message: "must be an object" });
  return [];
}

const PLAIN_TYPES = ["A", "AAAA", "CNAME", "NS", "PTR"];

function readRecords(type: string, value: unknown, path: string, problems: Problem[]): Records {
  if (value === "TEMPFAIL" || value === "TARPIT") return value;
  if (!Array.isArray(value)) {
    problems.push({ path, message: 'must be a list of records, "TEMPFAIL" or "TARPIT"' });
    return [];
  }
  return value.map((record: unknown, index) => readRecord(type, record, `${path}[${index}]`, problems));
}

function readRecord(type: string, record: unknown, path: string, problems: Problem[]): unknown {
  if (type === "TXT" && typeof record === "string") return [record];
  if (type === "TXT" && isStrings(record)) return record;
  if (type === "MX" && isMx(record)) return { priority: record[0], exchange: record[1] };
  if (PLAIN_TYPES.includes(type) && typeof record === "string") return record;
  problems.push({
    path,
    message: SHAPES[type] ?? (PLAIN_TYPES.includes(type) ? "must be text" : `\`${type}\` is not a record type of the zone`),
  });
  return record;
}

const SHAPES: Readonly<Record<string, string>> = { TXT: "must be text or a list of texts", MX: "must be [priority, host]" };

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((part) => typeof part === "string");
}

function isMx(value: unknown): value is [number, string] {
  return Array.isArray(value) && value.length === 2 && Number.isInteger(value[0]) && typeof value[1] === "string";
}

export interface DnsBudget {
  /** Look-ups one message may cause. */
  readonly lookups: number;
  /** Milliseconds all of them may take together. */
  readonly ms: number;
}

export const DNS_BUDGET: DnsBudget = Object.freeze({ lookups: 60, ms: 5_000 });

/**
 * One message's share of DNS: past either limit every look-up fails as "not now", so the message is judged later
 * instead of keeping a worker busy. The time starts with the call.
 */
export function withBudget(resolver: Resolver, budget: DnsBudget, now: () => number): Resolver {
  const deadline = now() + budget.ms;
  let left = budget.lookups;
  return async (name, type) => {
    const remaining = deadline - now();
    if (left <= 0 || remaining <= 0) throw dnsError("ETIMEOUT");
    left--;
    return within(resolver(name, type), remaining);
  };
}

async function within<T>(answer: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(dnsError("ETIMEOUT")), ms);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

export interface DnsCacheOptions {
  /** Answers kept; the oldest go first. */
  readonly max: number;
  readonly ttlMs: number;
  readonly now: () => number;
}

/** Characters of an answer that is kept; no honest record of mail is longer, and a hostile one must not fill the memory. */
const LONGEST_KEPT = 4_096;

function lengthOf(answer: readonly unknown[]): number {
  return JSON.stringify(answer).length;
}

interface CacheEntry {
  /** When it stops being used; Infinity while the question is open. */
  until: number;
  readonly answer: Promise<unknown[]>;
}

/** Keeps answers and "no such name or record", never failures. The same question asked meanwhile waits for the first. */
export function withCache(resolver: Resolver, { max, ttlMs, now }: DnsCacheOptions): Resolver {
  const entries = new Map<string, CacheEntry>();
  const ask = (key: string, name: string, type: string): CacheEntry => {
    const entry: CacheEntry = { until: Infinity, answer: resolver(name, type) };
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > max) entries.delete(entries.keys().next().value ?? key);
    const keep = (): number => (entry.until = now() + ttlMs);
    const drop = (): boolean => entries.get(key) === entry && entries.delete(key);
    entry.answer.then(
      (answer) => (lengthOf(answer) > LONGEST_KEPT ? drop() : keep()),
      (error: unknown) => (isNegative(error) ? keep() : drop()),
    );
    return entry;
  };
  return async (name, type) => {
    const key = `${type.toUpperCase()} ${name.toLowerCase()}`;
    const known = entries.get(key);
    const entry = known !== undefined && known.until > now() ? known : ask(key, name, type);
    // A copy: a caller may sort the answer in place.
    return (await entry.answer).slice();
  };
}
