// Entry of a reader thread.
import { parentPort, workerData } from "node:worker_threads";
import { createBlobReader } from "../blobs/source.ts";
import { createSystemResolver, withCache, type Resolver } from "../mail/dns.ts";
import { answerJobs } from "./answer.ts";
import { createMailReader } from "./jobs.ts";
import { OpenedMails } from "./opened.ts";
import { Patience } from "./patience.ts";
import type { ReaderSetup } from "./protocol.ts";
import { createZoneFileResolver } from "./zone.ts";

const { source, zone, keepBytes, holder } = workerData as ReaderSetup;
const deps = {
  blobs: createBlobReader(source),
  resolver: createResolver(zone),
  now: Date.now,
  mails: new OpenedMails({ bytes: keepBytes }),
  patience: new Patience(),
};
if (parentPort !== null) answerJobs(parentPort, holder, (turn) => createMailReader({ ...deps, turn }));

function createResolver(path: string | null): Resolver {
  if (path !== null) return createZoneFileResolver(path);
  return withCache(createSystemResolver({ timeoutMs: 2_000 }), { max: 10_000, ttlMs: 60_000, now: Date.now });
}
