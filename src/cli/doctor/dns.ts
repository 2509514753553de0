import { getServers } from "node:dns";
import type { Config } from "../../config.ts";
import { createSystemResolver, createZoneResolver, isNegative, type Resolver } from "../../mail/dns.ts";
import { PosternError } from "../../model/errors.ts";
import type { Client } from "../client.ts";
import type { Files } from "../deps.ts";
import type { Mailbox } from "../mailbox-id.ts";
import type { Page } from "../paging.ts";
import { failed, note, notLookedUp, ok, type Check, type Found } from "./check.ts";

/** Exists as long as DNS does. */
const KNOWN_NAME = "org";
const MOST_DOMAINS = 10;

export function dnsCheck(config: Config, files: Files): Check {
  return { name: "DNS", run: () => checkDns(config, files) };
}

async function checkDns(config: Config, files: Files): Promise<Found> {
  const resolver = await resolverOf(config, files);
  if (config.dnsZone !== undefined) return ok(`the zone \`${config.dnsZone}\` is used instead`);
  const servers = getServers().join(", ");
  try {
    await resolver(KNOWN_NAME, "NS");
    return ok(`answers (${servers})`);
  } catch (error) {
    if (isNegative(error)) return ok(`answers (${servers})`);
    return failed(
      `the resolver does not answer (${servers}): mail is deferred`,
      "repair DNS, or set POSTERN_DNS_ZONE to a zone file to work without it",
    );
  }
}

async function resolverOf({ dnsZone }: Config, files: Files): Promise<Resolver> {
  if (dnsZone === undefined) return createSystemResolver({ timeoutMs: 2_000 });
  return createZoneResolver(parseZone(dnsZone, await files.read(dnsZone)));
}

function parseZone(path: string, bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new PosternError("invalid_config", `\`${path}\` is not JSON`, { fix: "correct the file, or leave POSTERN_DNS_ZONE out", cause });
  }
}

/** What the world sees of the domains this instance takes mail for. Nothing of it is needed for local use. */
export function domainsCheck(config: Config, files: Files, http: Client): Check {
  return { name: "domains", run: () => checkDomains(config, files, http) };
}

async function checkDomains(config: Config, files: Files, http: Client): Promise<Found> {
  const domains = await domainsOf(http).catch(notLookedUp);
  if ("status" in domains) return domains;
  if (domains.length === 0) return note("none yet", "make a mailbox with `postern mailbox create`");
  const resolver = await resolverOf(config, files);
  const found = await Promise.all(domains.slice(0, MOST_DOMAINS).map((domain) => recordsOf(resolver, domain)));
  const text = found
    .map(({ domain, records }) => `${domain}: ${records.map(({ name, there }) => `${name} ${there}`).join(", ")}`)
    .join("; ");
  const complete = found.every(({ records }) => records.every(({ there }) => there === "yes"));
  return complete ? ok(text) : note(text, "fine for local use; publish the missing records before mail comes from outside");
}

async function domainsOf(http: Client): Promise<readonly string[]> {
  const { items } = await http.get<Page<Mailbox>>("/v1/mailboxes", { limit: 200 });
  const addresses = items.flatMap(({ address, aliases }) => [address, ...aliases]);
  return [...new Set(addresses.map((address) => address.slice(address.lastIndexOf("@") + 1)))];
}

interface Seen {
  readonly domain: string;
  readonly records: readonly { readonly name: string; readonly there: There }[];
}
type There = "yes" | "no" | "unknown";

async function recordsOf(resolver: Resolver, domain: string): Promise<Seen> {
  const [mx, spf, dkim, dmarc] = await Promise.all([
    has(resolver, domain, "MX", () => true),
    has(resolver, domain, "TXT", (text) => /^v=spf1( |$)/i.test(text)),
    hasSelectors(resolver, domain),
    has(resolver, `_dmarc.${domain}`, "TXT", (text) => /^v=DMARC1\s*(;|$)/.test(text)),
  ]);
  return { domain, records: [{ name: "MX", there: mx }, { name: "SPF", there: spf }, { name: "DKIM", there: dkim }, { name: "DMARC", there: dmarc }] }; // prettier-ignore
}

async function has(resolver: Resolver, name: string, type: string, wanted: (text: string) => boolean): Promise<There> {
  try {
    const answers = await resolver(name, type);
    return answers.some((answer) => wanted(Array.isArray(answer) ? answer.join("") : String(answer))) ? "yes" : "no";
  } catch (error) {
    return isNegative(error) ? "no" : "unknown";
  }
}

// RFC 8020: a name that does not exist has nothing below it, while `_domainkey` without records but with selectors exists.
async function hasSelectors(resolver: Resolver, domain: string): Promise<There> {
  try {
    await resolver(`_domainkey.${domain}`, "TXT");
    return "yes";
  } catch (error) {
    if (!isNegative(error)) return "unknown";
    return (error as { readonly code?: string }).code === "ENODATA" ? "yes" : "no";
  }
}
