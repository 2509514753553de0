import { isIP } from "node:net";
import type { ARCData, DKIMResult, DMARCResult, DNSResolver } from "mailauth";
// Each by itself: the library's entry loads an HTTP client and X.509 for BIMI with them, in every thread that reads mail.
import { arc } from "mailauth/lib/arc/index.js";
import { dmarc } from "mailauth/lib/dmarc/index.js";
import { spf } from "mailauth/lib/spf/index.js";
import { getAlignment } from "mailauth/lib/tools.js";
import { verifyDkim, type DkimResult, type SignedMessage } from "./dkim.ts";
import { DNS_BUDGET, isNegative, withBudget, type DnsBudget, type Resolver } from "./dns.ts";
import type { HeaderField } from "./header.ts";
import { claimedSender, type Claim, type FromReading } from "./identity.ts";
import type { AuthResult, Envelope, Verification } from "../model/message.ts";

export interface AuthenticateDeps {
  readonly resolver: Resolver;
  /** Epoch milliseconds: expiry of signatures, and the time DNS may take. */
  readonly now: () => number;
  readonly budget?: DnsBudget;
}

export interface AuthenticateInput extends SignedMessage {
  readonly fields: readonly HeaderField[];
  /** What the MIME parser takes From to say. */
  readonly mimeFrom: FromReading;
  readonly envelope: Envelope;
}

export interface Authenticated {
  readonly claim: Claim;
  readonly verification: Verification;
  /** A look-up failed for now, and the sender could be believed with it. */
  readonly temporary: boolean;
}

/**
 * SPF (RFC 7208), DKIM (RFC 6376, 8301, 8463), DMARC (RFC 9989) and ARC (RFC 8617) of one message, strictly. Results of
 * other hosts are not read. Resolves within the DNS budget whatever the resolver does; never rejects for what a message
 * holds. The caller bounds header block and signatures first: the library does not.
 */
export async function authenticate(input: AuthenticateInput, deps: AuthenticateDeps): Promise<Authenticated> {
  const dns = watchedResolver(withBudget(deps.resolver, deps.budget ?? DNS_BUDGET, deps.now));
  const [signed, sent] = await Promise.all([verifySignatures(input, dns, deps.now), checkSpf(input.envelope, dns)]);
  const claim = claimedSender(input.fields, [input.mimeFrom, signed.from]);
  const from = claim.kind === "claimed" ? claim.domain : null;
  const published = from === null ? NOT_EVALUATED : await checkDmarc(from, signed.signatures, sent, dns);
  // ARC last: up to fifty seals must not spend the look-ups that the sender's own results need.
  const chain = await checkArc(signed.library, dns);
  const verification = {
    spf: sent.result,
    dkim: best(signed.signatures),
    dmarc: published.result,
    arc: chain,
    from_alignment: alignment(from, signed.signatures, sent, published.alignment),
  };
  return { claim, verification, temporary: from !== null && couldChange(from, verification, signed.signatures, sent) };
}

interface WatchedResolver {
  readonly resolve: DNSResolver;
  /** Look-ups so far that failed for now. */
  failures(): number;
}

function watchedResolver(resolver: Resolver): WatchedResolver {
  let failures = 0;
  const resolve = async (name: string, type: string): Promise<unknown[]> => {
    try {
      return await resolver(name, type);
    } catch (error) {
      if (!isNegative(error)) failures++;
      throw error;
    }
  };
  return { resolve: resolve as DNSResolver, failures: () => failures };
}

interface Signature {
  readonly result: AuthResult;
  readonly domain: string;
}

interface Signed {
  readonly signatures: readonly Signature[];
  readonly from: FromReading;
  readonly library: DkimResult | null;
}

async function verifySignatures(message: SignedMessage, dns: WatchedResolver, now: () => number): Promise<Signed> {
  const library = await verifyDkim(message, dns.resolve, new Date(now())).catch(() => null);
  // The library fails on nothing known; if it does, the message proves nothing.
  if (library === null) return { signatures: [{ result: "permerror", domain: "" }], from: { fields: 0, addresses: [] }, library };
  const signatures = library.results.map(readSignature);
  return { signatures, from: { fields: library.fromFields, addresses: library.headerFrom }, library };
}

function readSignature(result: DKIMResult): Signature {
  const known = authResult(result.status.result);
  // RFC 6376 §8.2: with l= anybody may add to the body. The signature verifies; it does not count.
  const partial = result.canonBodyLengthLimited === true || (result.status.underSized ?? 0) > 0;
  return { result: known === "pass" && partial ? "policy" : known, domain: result.signingDomain ?? "" };
}

/** From best to worst, so that `temperror` stands where a pass was still possible. */
const BEST_FIRST: readonly AuthResult[] = ["pass", "temperror", "policy", "fail", "permerror", "softfail", "neutral", "none"];

function best(signatures: readonly Signature[]): AuthResult {
  return BEST_FIRST.find((result) => signatures.some((signature) => signature.result === result)) ?? "none";
}

function authResult(result: string): AuthResult {
  return BEST_FIRST.find((known) => known === result) ?? "neutral";
}

interface Sent {
  readonly result: AuthResult;
  /** The domain SPF was asked for: of MAIL FROM, or of HELO for the null sender. */
  readonly domain: string;
}

async function checkSpf({ ip, helo, sender }: Envelope, dns: WatchedResolver): Promise<Sent> {
  // Without a client address there is nothing to check (RFC 8601 §2.7.2 "none"); the library would say temperror for ever.
  if (isIP(ip) === 0) return { result: "none", domain: "" };
  const host = helo === "" ? ip : helo;
  const options = { ip, helo: isIP(host) === 0 ? host : `[${host}]`, sender, mta: "postern", resolver: dns.resolve, strict: true };
  const answer = await spf(options).catch(() => null);
  return answer === null ? { result: "permerror", domain: "" } : { result: authResult(answer.status.result), domain: answer.domain };
}

/** What the domain of From has published. `alignment`: what aligns by its record; null where there is none to go by. */
interface Published {
  readonly result: AuthResult;
  readonly alignment: Verification["from_alignment"] | null;
}

// "Not evaluated" is a failure, never "no policy".
const NOT_EVALUATED: Published = { result: "fail", alignment: null };

async function checkDmarc(from: string, signatures: readonly Signature[], sent: Sent, dns: WatchedResolver): Promise<Published> {
  const answer = await dmarc({
    headerFrom: [`postmaster@${from}`],
    fromFields: 1,
    spfDomains: sent.result === "pass" ? [sent.domain] : [],
    dkimDomains: passing(signatures).map(({ domain }) => ({ domain })),
    resolver: dns.resolve,
    strict: true,
  }).catch(() => false as const);
  if (answer === false) return NOT_EVALUATED;
  // Absent where there is no record, whatever the library's types say.
  const { alignment }: { readonly alignment?: typeof answer.alignment } = answer;
  return { result: authResult(answer.status.result), alignment: alignment === undefined ? null : alignedIn(alignment) };
}

function alignedIn({ spf, dkim }: DMARCResult["alignment"]): Verification["from_alignment"] {
  return { spf: spf.result !== undefined, dkim: dkim.result !== undefined };
}

async function checkArc(library: DkimResult | null, dns: WatchedResolver): Promise<AuthResult> {
  if (library?.arc === undefined) return "none";
  const before = dns.failures();
  const answer = await arc(library.arc as ARCData, { resolver: dns.resolve, strict: true }).catch(() => null);
  const result = answer === null ? "fail" : authResult(answer.status.result);
  const undecided = dns.failures() > before || library.arc.lastEntry?.messageSignature?.status.result === "temperror";
  return result === "fail" && undecided ? "temperror" : result;
}

function passing(signatures: readonly Signature[]): readonly Signature[] {
  return signatures.filter(({ result }) => result === "pass");
}

/**
 * Threat: whoever is let have a subdomain can sign for it. So an owner whose record asks for strict alignment (`adkim=s`,
 * `aspf=s`) gets it, whether or not a rule asks for DMARC; a record can only narrow what the Public Suffix List says.
 */
function alignment(
  from: string | null,
  signatures: readonly Signature[],
  sent: Sent,
  published: Published["alignment"],
): Verification["from_alignment"] {
  if (from === null) return { spf: false, dkim: false };
  return {
    spf: published?.spf !== false && sent.result === "pass" && aligned(from, sent.domain),
    dkim: published?.dkim !== false && passing(signatures).some(({ domain }) => aligned(from, domain)),
  };
}

/** RFC 7489 §3.1, relaxed: the same organisational domain by the Public Suffix List. */
function aligned(from: string, domain: string): boolean {
  return domain !== "" && getAlignment(from, [domain]) !== false;
}

// ARC is left out: no result for the sender rests on it, and any relay could withhold mail by breaking its own DNS.
function couldChange(from: string, verification: Verification, signatures: readonly Signature[], sent: Sent): boolean {
  const spfOpen = sent.result === "temperror" && aligned(from, sent.domain);
  const dkimOpen =
    !verification.from_alignment.dkim && signatures.some(({ result, domain }) => result === "temperror" && aligned(from, domain));
  return spfOpen || dkimOpen || verification.dmarc === "temperror";
}
