import { isNegative, type Resolver } from "./dns.ts";
import type { DomainRecord } from "./domain-records.ts";
import { wellFormedLine } from "./wellformed.ts";

/** `unknown`: DNS did not answer, ask again. `differs`: something is there that does not do what is wanted. */
export type RecordStatus = "ok" | "missing" | "differs" | "unknown";

export interface CheckedRecord extends DomainRecord {
  readonly status: RecordStatus;
  /** Texts of the TXT records that are there and look like one of these; strangers wrote them. */
  readonly found: readonly string[];
}

/** Records and characters of a stranger's answer that are looked at. */
const RECORDS = 20;
const LENGTH = 4_096;

/** Looks a record up. DKIM must be exactly this key; of SPF and DMARC anything that holds together will do. */
export async function checkRecord(record: DomainRecord, resolver: Resolver): Promise<CheckedRecord> {
  const judge = JUDGES[record.purpose];
  const name = record.purpose === "dmarc" ? await dmarcName(record.name, resolver) : record.name;
  const texts = await textsAt(name, resolver);
  if (texts === null) return { ...record, status: "unknown", found: [] };
  const found = texts.filter((text) => judge.concerns(tagsOf(text), text));
  const [only, ...others] = found;
  const holds = only !== undefined && others.length === 0 && judge.holds(tagsOf(only), only, record);
  return { ...record, status: only === undefined ? "missing" : holds ? "ok" : "differs", found };
}

interface Judge {
  /** Of all the texts at a name, those that are meant. */
  concerns(tags: Tags, text: string): boolean;
  holds(tags: Tags, text: string, record: DomainRecord): boolean;
}

const JUDGES: Readonly<Record<DomainRecord["purpose"], Judge>> = {
  dkim: {
    concerns: (tags) => tags.has("p"),
    holds: (tags, _, record) => isSameKey(tags, tagsOf(record.value)),
  },
  spf: {
    concerns: (_, text) => /^v=spf1(?: |$)/i.test(text),
    // RFC 7208 §5.1: everybody may send, so nobody is told apart.
    holds: (_, text) => !/ \+?all(?: |$)/i.test(text),
  },
  dmarc: {
    concerns: (_, text) => /^v=DMARC1 {0,9}(?:;|$)/.test(text),
    holds: (tags) => ["none", "quarantine", "reject"].includes((tags.get("p") ?? "").toLowerCase()),
  },
};

/** RFC 6376 §3.6.1: the same key for the same use, whatever else the record says. */
function isSameKey(found: Tags, wanted: Tags): boolean {
  const services = listOf(found.get("s") ?? "*");
  const hashes = listOf(found.get("h") ?? "sha256");
  return (
    (found.get("v") ?? "DKIM1") === "DKIM1" &&
    (found.get("k") ?? "rsa").toLowerCase() === "rsa" &&
    (services.includes("*") || services.includes("email")) &&
    hashes.includes("sha256") &&
    found.get("p") === wanted.get("p")
  );
}

type Tags = ReadonlyMap<string, string>;

/** `tag=value; tag=value` without the white space, which base64 may be broken by. */
function tagsOf(text: string): Tags {
  const pairs = text.split(";").map((pair): [string, string] => {
    const equals = pair.indexOf("=");
    return [pair.slice(0, Math.max(0, equals)).trim(), pair.slice(equals + 1).replaceAll(/\s/g, "")];
  });
  return new Map(pairs.reverse());
}

function listOf(value: string): string[] {
  return value.toLowerCase().split(":");
}

/** RFC 9989 §4.10: the record of the nearest domain above counts where a domain has none of its own. */
async function dmarcName(name: string, resolver: Resolver): Promise<string> {
  const labels = name.split(".").slice(1);
  for (let from = 0; labels.length - from >= 2 && from < LEVELS; from++) {
    const candidate = ["_dmarc", ...labels.slice(from)].join(".");
    const texts = await textsAt(candidate, resolver);
    if (texts === null || texts.some((text) => JUDGES.dmarc.concerns(tagsOf(text), text))) return candidate;
  }
  return name;
}

const LEVELS = 5;

/** Null: no answer. */
async function textsAt(name: string, resolver: Resolver): Promise<readonly string[] | null> {
  try {
    const answer = await resolver(name, "TXT");
    return answer.slice(0, RECORDS).map((strings) => wellFormedLine([strings].flat().join(""), LENGTH));
  } catch (error) {
    return isNegative(error) ? [] : null;
  }
}
