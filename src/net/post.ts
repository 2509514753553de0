import type { LookupAddress } from "node:dns";
import { isIP, type LookupFunction, type Socket } from "node:net";
import { buildConnector, Client, errors } from "undici";
import { isPublic } from "./address.ts";
import { AddressRefused, hostOf, publicAddresses, type Targets } from "./target.ts";

/** Milliseconds for the whole of it, for the connection with TLS, and for what comes after the head of the answer. */
const DEADLINE_MS = 15_000;
const CONNECT_MS = 5_000;
const REST_MS = 2_000;

/** Calls under way to one origin, of one party, and in all: whoever does not answer must not keep others from being called, under however many names. */
const PER_ORIGIN = 8;
const PER_PARTY = 32;
const IN_ALL = 64;

/** Bytes of an answer's head that are read, and of its body before the connection is cut: nobody asks for it. */
const HEAD_BYTES = 16 * 1024;
const BODY_BYTES = 64 * 1024;

/** What an answer was, or why there was none. */
export type Posted =
  | { readonly answered: true; readonly status: number; readonly retry_after: string | null }
  | { readonly answered: false; readonly why: PostFault };

export type PostFault = "busy" | "timeout" | "connection_failed" | "tls_failed" | "name_not_found" | "address_refused" | "response_invalid";

/** Posts to hosts of others. `party`: whoever chose them, a tenant. */
export type Post = (url: URL, headers: Readonly<Record<string, string>>, body: string, party: string) => Promise<Posted>;

export interface PostOptions {
  /** Milliseconds for one call. Default 15 s. */
  readonly deadlineMs?: number;
  /** PEM certificates trusted instead of the system's. */
  readonly ca?: string;
}

/**
 * One connection a call, never one that leads to a place inside (SSRF): the name is resolved by the connection itself, every
 * address is looked at there, and once more the one that was connected to. Redirects are answers like others: nobody follows them.
 * Bounded in time and bytes whatever the peer does. Never rejects: what a peer does wrong is a value.
 */
export function createPost(targets: Targets, { deadlineMs = DEADLINE_MS, ca }: PostOptions = {}): Post {
  const underWay = createCount();
  return async (url, headers, body, party) => {
    using place = underWay.enter(url.origin, party);
    if (place === null) return { answered: false, why: "busy" };
    const deadline = AbortSignal.timeout(deadlineMs);
    const client = new Client(url.origin, {
      connect: connectorFor(targets, hostOf(url), ca),
      pipelining: 0,
      maxHeaderSize: HEAD_BYTES,
      headersTimeout: deadlineMs,
      bodyTimeout: REST_MS,
    });
    try {
      const path = `${url.pathname}${url.search}`;
      const answer = await client.request({ path, method: "POST", headers, body, signal: deadline });
      await answer.body.dump({ limit: BODY_BYTES, signal: AbortSignal.timeout(REST_MS) }).catch(() => undefined);
      const after = answer.headers["retry-after"];
      return { answered: true, status: answer.statusCode, retry_after: typeof after === "string" ? after : null };
    } catch (error) {
      return { answered: false, why: deadline.aborted ? "timeout" : faultOf(error) };
    } finally {
      await client.destroy();
    }
  };
}

function createCount() {
  const counts = new Map<string, number>();
  let total = 0;
  const countOf = (name: string): number => counts.get(name) ?? 0;
  const add = (name: string, step: 1 | -1): void => {
    const count = countOf(name) + step;
    if (count === 0) counts.delete(name);
    else counts.set(name, count);
  };
  return {
    /** Null: there are too many. An origin looks like no party. */
    enter(origin: string, party: string): Disposable | null {
      if (countOf(origin) >= PER_ORIGIN || countOf(party) >= PER_PARTY || total >= IN_ALL) return null;
      const step = (by: 1 | -1): void => {
        add(origin, by);
        add(party, by);
        total += by;
      };
      step(1);
      return { [Symbol.dispose]: () => step(-1) };
    },
  };
}

function connectorFor(targets: Targets, host: string, ca: string | undefined): buildConnector.connector {
  const isOwn = targets.allowed.has(host);
  const connect = buildConnector({
    timeout: CONNECT_MS,
    allowH2: false,
    // Said here, because otherwise NODE_TLS_REJECT_UNAUTHORIZED could take it back.
    rejectUnauthorized: true,
    lookup: lookupIn(targets),
    ...(ca === undefined ? {} : { ca }),
  });
  return (options, done) => {
    // An address is connected to without a look-up.
    if (!isOwn && isIP(host) !== 0 && !isPublic(host)) return done(new AddressRefused(), null);
    connect(options, (...[error, socket]) => {
      if (error !== null) return done(error, null);
      if (isOwn || isPublicPeer(socket)) return done(null, socket);
      socket.destroy();
      done(new AddressRefused(), null);
    });
  };
}

function isPublicPeer({ remoteAddress }: Socket): boolean {
  return remoteAddress !== undefined && isPublic(remoteAddress);
}

/** In the shape that sockets ask. Whatever is refused here is never connected to. */
function lookupIn(targets: Targets): LookupFunction {
  return (host, options, done) => void answer(targets, host, options.all === true, done);
}

async function answer(targets: Targets, host: string, all: boolean, done: Parameters<LookupFunction>[2]): Promise<void> {
  const found = await addressesOf(targets, host);
  if (found instanceof Error) done(found, "");
  else if (all) done(null, [...found]);
  else done(null, found[0].address, found[0].family);
}

async function addressesOf(
  targets: Targets,
  host: string,
): Promise<AddressRefused | NameNotFound | readonly [LookupAddress, ...LookupAddress[]]> {
  try {
    const addresses = await publicAddresses(targets, host.endsWith(".") ? host.slice(0, -1) : host);
    const [first, ...others] = addresses.map((address) => ({ address, family: isIP(address) }));
    return first === undefined ? new NameNotFound() : [first, ...others];
  } catch (error) {
    return error instanceof AddressRefused ? error : new NameNotFound("name not found", { cause: error });
  }
}

class NameNotFound extends Error {}

function faultOf(error: unknown): PostFault {
  if (error instanceof AddressRefused) return "address_refused";
  if (error instanceof NameNotFound) return "name_not_found";
  if (error instanceof errors.ConnectTimeoutError || error instanceof errors.HeadersTimeoutError) return "timeout";
  if (INVALID.some((fault) => error instanceof fault)) return "response_invalid";
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && isTls(code) ? "tls_failed" : "connection_failed";
}

const INVALID = [errors.HTTPParserError, errors.HeadersOverflowError, errors.ResponseContentLengthMismatchError];

/** OpenSSL's own codes and Node's for certificates. */
function isTls(code: string): boolean {
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code.startsWith("CERT_") || CERTIFICATE_FAULTS.has(code);
}

const CERTIFICATE_FAULTS: ReadonlySet<string> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "HOSTNAME_MISMATCH",
]);
