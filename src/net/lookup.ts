import { lookup as asTheSystemDoes, Resolver } from "node:dns/promises";
import type { Lookup } from "./target.ts";

/** Milliseconds for a question to one server, which is asked twice. */
const ANSWER_MS = 2_000;

export interface LookupOptions {
  /** Servers as `address:port`. Default: the machine's. */
  readonly servers?: readonly string[];
  readonly answerMs?: number;
}

/**
 * Addresses of hosts that webhooks name. The operator's own (`allowed`) are found as the system does, hosts file and all;
 * others by DNS alone.
 *
 * Threat: whoever registers a webhook may choose name servers that never answer. The system's way has two threads for all
 * names of this process, the next hop's and the database's too, and no bound in time.
 */
export function createLookup(allowed: ReadonlySet<string>, { servers, answerMs = ANSWER_MS }: LookupOptions = {}): Lookup {
  const dns = new Resolver({ timeout: answerMs, tries: 2 });
  if (servers !== undefined) dns.setServers(servers);
  return (host) => (allowed.has(host) ? systemAddresses(host) : dnsAddresses(dns, host));
}

async function systemAddresses(host: string): Promise<readonly string[]> {
  return (await asTheSystemDoes(host, { all: true })).map(({ address }) => address);
}

async function dnsAddresses(dns: Resolver, host: string): Promise<readonly string[]> {
  const [four, six] = await Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
  const addresses = [four, six].flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length === 0 && four.status === "rejected") throw four.reason;
  return addresses;
}
