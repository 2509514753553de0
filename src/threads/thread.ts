// Entry of a reader thread: takes jobs, answers in any order.
import { parentPort, workerData } from "node:worker_threads";
import { createFileBlobs } from "../blobs/fs.ts";
import { createSystemResolver, withCache, type Resolver } from "../mail/dns.ts";
import type { MailReader } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import { createMailReader } from "./jobs.ts";
import type { Job, ReaderSetup, Reply } from "./protocol.ts";
import { createZoneFileResolver } from "./zone.ts";

const { blobRoot, zone } = workerData as ReaderSetup;
const reader = createMailReader({ blobs: await createFileBlobs(blobRoot, Date.now), resolver: createResolver(zone), now: Date.now });

parentPort?.on("message", async (job: Job) => parentPort?.postMessage(await answer(reader, job)));

function createResolver(path: string | null): Resolver {
  if (path !== null) return createZoneFileResolver(path);
  return withCache(createSystemResolver({ timeoutMs: 2_000 }), { max: 10_000, ttlMs: 60_000, now: Date.now });
}

async function answer(reader: MailReader, { id, name, args }: Job): Promise<Reply> {
  try {
    const work = reader[name] as (...given: readonly unknown[]) => Promise<unknown>;
    return { id, value: await work(...args) };
  } catch (error) {
    return { id, error: crossing(error) };
  }
}

function crossing(error: unknown): Extract<Reply, { readonly error: object }>["error"] {
  const where = error instanceof Error ? (error.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? "").trim() : "";
  if (error instanceof PosternError) return { code: error.code, message: error.message, temporary: error.temporary, where };
  // A file system that does not answer is nothing the message can help.
  const temporary = error instanceof Error && "syscall" in error;
  return { code: "internal", message: "the message cannot be read", temporary, where };
}
