import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { faultCode } from "../intake/fault.ts";
import { createSlots, type Slots } from "../intake/slots.ts";
import { PosternError } from "../model/errors.ts";
import type { SmtpDeps } from "./deps.ts";
import { Door, type SmtpTls } from "./door.ts";
import { createHandlers } from "./handlers.ts";
import { SMTP_LIMITS, type SmtpLimits } from "./limits.ts";
import { createSmtpMetrics } from "./metrics.ts";
import { parseNetworks } from "./peers.ts";
import { clearSocketFile, openSocketFile } from "./socket-file.ts";
import type { Protocol } from "./transaction.ts";

/** Milliseconds after the drain for answers still to be written. Together under the 10 s a stop may take. */
const AFTER_DRAIN_MS = 2_000;

export interface SmtpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** A unix socket to listen on, in place of host and port. */
  readonly path?: string;
  /** Default: `smtp`. LMTP (RFC 2033) is for the MTA of the same site, which hands over what it has accepted. */
  readonly protocol?: Protocol;
  /** Default: places of this door's own, by its limits. */
  readonly judgements?: Slots;
  readonly deps: SmtpDeps;
  /** Defaults: {@link SMTP_LIMITS}. */
  readonly limits?: Partial<SmtpLimits>;
  /** Without it STARTTLS is not offered. */
  readonly tls?: SmtpTls;
  /**
   * Networks whose peers may use XCLIENT and XFORWARD and are not bounded per peer; `unix` for those of a unix socket.
   * Threat: whoever is in here states any client address, and SPF believes it.
   */
  readonly trustedRelays: readonly string[];
  /** Host name in greeting and EHLO; `postmaster` without a domain is its. */
  readonly name: string;
}

export interface SmtpListener {
  /** Of a unix socket: its path, and port 0. */
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Stops listening, tells idle sessions 421, lets messages in progress end, and after `drainMs` tells the rest 421.
   * Resolves within 10 s. Twice is fine.
   */
  close(): Promise<void>;
}

/** Opens the SMTP door (RFC 5321) or the LMTP one (RFC 2033). Rejects with `invalid_config` when it cannot listen or a trusted relay is unreadable. */
export async function startSmtp(options: SmtpOptions): Promise<SmtpListener> {
  const { deps, name, protocol = "smtp" } = options;
  const limits = { ...SMTP_LIMITS, ...options.limits };
  const trusted = parseNetworks(options.trustedRelays);
  const metrics = createSmtpMetrics(deps.metrics, protocol);
  const judgements = options.judgements ?? createSlots({ total: limits.judgements, perKey: limits.judgementsPerPeer });
  const pending = createPending();
  const handlers = createHandlers({ deps, limits, metrics, judgements, protocol, later: pending.add, name, trusted });
  const door = new Door({ name, limits, protocol, trusted, tls: options.tls, metrics, handlers });
  door.on("error", (error) => deps.log.warn({ fault: faultCode(error) }, "smtp connection failed"));
  const address = await listen(door, options);
  let closed: Promise<void> | undefined;
  return { address, close: () => (closed ??= close(door, pending)) };
}

async function listen(door: Door, options: SmtpOptions): Promise<SmtpListener["address"]> {
  const { host, port, path, protocol = "smtp" } = options;
  try {
    if (path === undefined) door.listen(port, host);
    else {
      await clearSocketFile(path);
      door.listen(path);
    }
    await once(door.server, "listening");
    if (path !== undefined) await openSocketFile(path);
  } catch (cause) {
    throw new PosternError("invalid_config", `${protocol} cannot listen on \`${path ?? `${host}:${port}`}\`: ${faultCode(cause)}`, {
      fix: `set POSTERN_${protocol.toUpperCase()} to a free ${path === undefined ? "port of this machine" : "path in a directory that is there"}`,
      cause,
    });
  }
  if (path !== undefined) return { host: path, port: 0 };
  const bound = door.server.address() as AddressInfo;
  return { host: bound.address, port: bound.port };
}

async function close(door: Door, pending: Pending): Promise<void> {
  const ended = new Promise<void>((resolve) => door.close(resolve));
  door.dismissIdle();
  await ended;
  await Promise.race([pending.settled(), pause(AFTER_DRAIN_MS)]);
  door.cutAll();
}

interface Pending {
  readonly add: (work: Promise<void>) => void;
  settled(): Promise<void>;
}

function createPending(): Pending {
  const works = new Set<Promise<void>>();
  return {
    add: (work) => {
      works.add(work);
      void work.finally(() => works.delete(work));
    },
    async settled() {
      while (works.size > 0) await Promise.allSettled(works);
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms).unref());
}
