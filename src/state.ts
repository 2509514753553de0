import { mkdir, readFile } from "node:fs/promises";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { OutboundDeps } from "../activities/deps.ts";
import type { Blobs } from "./blobs/blobs.ts";
import type { BlobSource } from "./blobs/source.ts";
import { createUses, type Uses } from "./blobs/uses.ts";
import type { Bootstrapped } from "./bootstrap.ts";
import type { Closing } from "./closing.ts";
import type { Config } from "./config.ts";
import { countFaults } from "./faults.ts";
import { freeSpace } from "./free-space.ts";
import { createZoneResolver } from "./mail/dns.ts";
import type { MailReader } from "./mail/reader.ts";
import { PosternError } from "./model/errors.ts";
import type { TaskQueues } from "./model/names.ts";
import { openBlobs } from "./open-blobs.ts";
import { openStore } from "./open-store.ts";
import { createOutboundDeps } from "./outbound.ts";
import type { ServeOptions } from "./serve.ts";
import type { Store } from "./store/contract.ts";
import { createComposerPool } from "./threads/composer/pool.ts";
import { createReaderPool } from "./threads/pool.ts";
import { createTransport } from "./transport.ts";

/** Messages of one sender in one hour after which automatic mail, or mail between two agents, counts as an echo. */
const LOOP_CAPS = { perThread: 30, perPair: 30 } as const;

/** What every part is given. */
export interface Base {
  readonly clock: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly taskQueues: TaskQueues;
}

export interface State {
  readonly store: Store;
  readonly blobs: Blobs;
  readonly uses: Uses;
  readonly source: BlobSource;
  /** Bytes that may still be written where bytes are taken as they come. */
  readonly freeBytes: () => Promise<number>;
  readonly reader: MailReader;
}

/** Store, blobs and readers of the data directory. */
export async function openState(config: Config, { clock, log }: Base, started: Closing[]): Promise<State> {
  await makeDataDir(config.dataDir);
  await checkZone(config.dnsZone);
  const store = await openStore(config);
  started.unshift(() => store.close());
  const report = (fault: PosternError): void => log.error({ err: fault }, fault.message);
  const { blobs, source, directory, close } = await openBlobs(config, { clock, report });
  started.unshift(close);
  const reader = createReaderPool({ source, zone: config.dnsZone ?? null });
  started.unshift(() => reader.close());
  return { store, blobs, uses: createUses(), source, freeBytes: freeSpace(directory), reader };
}

/** What leaves is composed on a thread of its own, and goes to the relay or into the sandbox. */
export function openOutbound(
  config: Config,
  options: Pick<ServeOptions, "retryMs" | "dispatching" | "lookup">,
  base: Base,
  state: State,
  known: Bootstrapped,
  started: Closing[],
): OutboundDeps {
  const { grants, identity, sealer, tickets } = known;
  const composer = createComposerPool({ source: state.source });
  started.unshift(() => composer.close());
  const transport = createTransport(config.relay, { ...base, ...state });
  started.unshift(() => transport.close());
  const count = countFaults(base.metrics);
  const onFault: OutboundDeps["onFault"] = (fault) => {
    count(fault);
    base.log.warn(fault, "a step of a judgement failed");
  };
  const given = {
    grants,
    identity,
    sealer,
    tickets,
    composer,
    transport,
    config,
    ...(options.retryMs === undefined ? {} : { retryMs: options.retryMs }),
    ...(options.dispatching === undefined ? {} : { dispatching: options.dispatching }),
    ...(options.lookup === undefined ? {} : { lookup: options.lookup }),
  };
  return createOutboundDeps({ ...base, ...state, loopCaps: LOOP_CAPS, onFault }, given);
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new PosternError("invalid_config", `the data directory \`${dataDir}\` cannot be made`, {
      fix: "make it writable for this user, or set POSTERN_DATA to another directory",
      cause,
    });
  }
}

/** Now, rather than at the first message. */
async function checkZone(path: string | undefined): Promise<void> {
  if (path === undefined) return;
  try {
    createZoneResolver(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if (cause instanceof PosternError) throw cause;
    throw new PosternError("invalid_config", `POSTERN_DNS_ZONE \`${path}\` is not a JSON file`, {
      fix: "correct the file, or leave the setting out",
      cause,
    });
  }
}
