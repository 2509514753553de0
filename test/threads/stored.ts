import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createFileBlobs, type FileBlobs } from "../../src/blobs/fs.ts";
import type { StoredMessage } from "../../src/mail/reader.ts";
import type { Envelope } from "../../src/model/message.ts";
import { createReaderPool, type ReaderPool, type ReaderPoolOptions } from "../../src/threads/pool.ts";

export const TENANT = "ten_0123456789abcdef";

/** A short message; DNS is asked for this domain when it is judged. */
export function mailFrom(domain: string): string {
  return `From: boss@${domain}\r\nSubject: hello\r\n\r\nHello.\r\n`;
}

export function sentBy(domain: string): Envelope {
  return { ip: "192.0.2.1", helo: `mx.${domain}`, sender: `boss@${domain}`, recipient: "assistant@postern.example" };
}

/** Blobs on disk and readers over them, gone with the test. */
export async function readersOver(options: Partial<ReaderPoolOptions> = {}): Promise<{
  readonly blobs: FileBlobs;
  readonly blobRoot: string;
  readonly pool: ReaderPool;
  store(raw: string | Buffer): Promise<StoredMessage>;
}> {
  const blobRoot = await mkdtemp(join(tmpdir(), "postern-readers-"));
  const blobs = await createFileBlobs(blobRoot, Date.now);
  const pool = createReaderPool({ source: { kind: "files", root: blobRoot }, zone: null, ...options });
  onTestFinished(async () => {
    await pool.close();
    await blobs.close();
    await rm(blobRoot, { recursive: true, force: true });
  });
  return { blobs, blobRoot, pool, store: (raw) => put(blobs, Buffer.from(raw)) };
}

/** The bytes as an accepted message. */
export async function put(blobs: Blobs, raw: Buffer): Promise<StoredMessage> {
  const writer = await blobs.create(TENANT);
  await writer.write(raw);
  return { tenant: TENANT, ref: await writer.commit() };
}
