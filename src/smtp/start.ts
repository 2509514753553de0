import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { PosternError } from "../model/errors.ts";
import type { SmtpDeps } from "./deps.ts";
import { Door, type SmtpTls } from "./door.ts";
import { faultCode } from "./fault.ts";
import { createHandlers } from "./handlers.ts";
import { SMTP_LIMITS, type SmtpLimits } from "./limits.ts";
import { createSmtpMetrics } from "./metrics.ts";
import { parseNetworks } from "./peers.ts";
import { createSlots } from "./slots.ts";

/** Milliseconds after the drain for answers still to be written. Together under the 10 s a stop may take. */
const AFTER_DRAIN_MS = 2_000;

export interface SmtpOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly deps: SmtpDeps;
  /** Defaults: {@link SMTP_LIMITS}. */
  readonly limits?: Partial<SmtpLimits>;
  /** Without it STARTTLS is not offered. */
  readonly tls?: SmtpTls;
  /**
   * Networks whose peers may use XCLIENT and XFORWARD and are not bounded per peer.
   * Threat: whoever is in here states any client address, and SPF believes it.
   */
  readonly trustedRelays: readonly string[];
  /** Host name in greeting and EHLO; `postmaster` without a domain is its. */
  readonly name: string;
}

export interface SmtpListener {
  readonly address: { readonly host: string; readonly port: number };
  /**
   * Stops listening, tells idle sessions 421, lets messages in progress end, and after `drainMs` tells the rest 421.
   * Resolves within 10 s. Twice is fine.
   */
  close(): Promise<void>;
}

/** Opens the SMTP door (RFC 5321). Rejects with `invalid_config` when it cannot listen or a trusted relay is unreadable. */
export async function startSmtp(options: SmtpOptions): Promise<SmtpListener> {
  const { deps, name } = options;
  const limits = { ...SMTP_LIMITS, ...options.limits };
  const trusted = parseNetworks(options.trustedRelays);
  const metrics = createSmtpMetrics(deps.metrics);
  const judgements = createSlots({ total: limits.judgements, perKey: limits.judgementsPerPeer });
  const pending = createPending();
  const handlers = createHandlers({ deps, limits, metrics, judgements, later: pending.add, name, trusted });
  const door = new Door({ name, limits, trusted, tls: options.tls, metrics, handlers });
  door.on("error", (error) => deps.log.warn({ fault: faultCode(error) }, "smtp connection failed"));
  const address = await listen(door, options);
  let closed: Promise<void> | undefined;
  return { address, close: () => (closed ??= close(door, pending)) };
}

async function listen(door: Door, { host, port }: SmtpOptions): Promise<SmtpListener["address"]> {
  try {
    door.listen(port, host);
    await once(door.server, "listening");
  } catch (cause) {
    throw new PosternError("invalid_config", `smtp cannot listen on \`${host}:${port}\`: ${faultCode(cause)}`, {
      fix: "set POSTERN_SMTP to a free port of this machine",
      cause,
    });
  }
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
