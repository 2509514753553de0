/** What a domain publishes about mail (MB-19). */
export interface DomainRecord {
  readonly purpose: "dkim" | "spf" | "dmarc";
  readonly name: string;
  /** The whole text of the TXT record. */
  readonly value: string;
  /** The same in character strings of at most 255, as zone files and name servers want them (RFC 1035 §3.3.14). */
  readonly strings: readonly string[];
  /** For whoever publishes it. */
  readonly note: string;
}

export interface PublishedKey {
  readonly selector: string;
  /** SubjectPublicKeyInfo, base64. */
  readonly public_key: string;
}

export function dkimRecord(domain: string, { selector, public_key }: PublishedKey): DomainRecord {
  const note = "exactly this; the domain is verified by it";
  return recordOf("dkim", `${selector}._domainkey.${domain}`, `v=DKIM1; k=rsa; p=${public_key}`, note);
}

/** `host`: the name or address of this service where the world can reach it, as a hint; null where it cannot. */
export function spfRecord(domain: string, host: string | null): DomainRecord {
  const mechanism = host === null ? "include:spf.your-relay.example" : mechanismOf(host);
  const note =
    "name whatever sends for the domain: your relay's include, or its addresses; add it to an SPF record that is there, two break both";
  return recordOf("spf", domain, `v=spf1 ${mechanism} -all`, note);
}

export function dmarcRecord(domain: string): DomainRecord {
  const note = "a suggestion; begin with p=none where others send for the domain and you do not know them all";
  return recordOf("dmarc", `_dmarc.${domain}`, `v=DMARC1; p=quarantine; rua=mailto:postmaster@${domain}`, note);
}

/** The host of a URL, where mail servers of the world could look it up. */
export function publicHost(url: string): string | null {
  const host = URL.parse(url)?.hostname ?? "";
  const isLocal =
    !/[.:]/.test(host) || /(?:^|\.)(?:localhost|local|internal|lan)$/.test(host) || /^(?:127|10|192\.168|169\.254|0)\./.test(host);
  return isLocal || host === "[::1]" || host === "[::]" ? null : host;
}

function mechanismOf(host: string): string {
  if (host.startsWith("[")) return `ip6:${host.slice(1, -1)}`;
  return /^[0-9.]+$/.test(host) ? `ip4:${host}` : `a:${host}`;
}

const STRING = 255;

function recordOf(purpose: DomainRecord["purpose"], name: string, value: string, note: string): DomainRecord {
  const strings = Array.from({ length: Math.ceil(value.length / STRING) }, (_, at) => value.slice(at * STRING, (at + 1) * STRING));
  return { purpose, name, value, strings, note };
}
