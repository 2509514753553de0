import { hash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { PosternError } from "../model/errors.ts";
import { Allowance } from "./allowance.ts";
import type { Blobs } from "./blobs.ts";
import { disk } from "./disk.ts";
import { Journal, type Place } from "./journal/journal.ts";
import { reportLoss, Settler } from "./journal/settler.ts";
import { lockRoot, type Lock } from "./lock.ts";
import { checkName, checkTenant, keyOf, type BlobName } from "./name.ts";
import { journalOf } from "./path.ts";
import { createSmallWriter } from "./small-writer.ts";
import { syncDirectory } from "./sync-directory.ts";
import { Tree } from "./tree.ts";

export interface FileBlobs extends Blobs {
  /** Makes files of what is in the journal, for at most 2 s, and gives up the root. Nothing may be asked afterwards. */
  close(): Promise<void>;
}

export interface FileBlobsOptions {
  /** Told of damage, and of a disk that does not take what the journal holds. Default: nobody is. */
  readonly report?: (fault: PosternError) => void;
  /** Milliseconds a segment of the journal is written to, and rests after that; default 30,000. */
  readonly restMs?: number;
}

/** Bytes of unfinished small blobs in memory, all together. */
const HELD_BYTES = 32 << 20;

/**
 * Blobs under `root` (made if absent, 0700), one file system, one process:
 *
 * - `journal/`: blobs up to 256 KiB as they come; one fdatasync serves all that wait together.
 * - `<tenant>/<2 hex>/<digest>`: files, which blobs of the journal become about a minute later, and others at once: larger
 *   ones, and all of them while the journal is full.
 * - `incoming/`: unfinished files. Those older than 24 h are removed here and whenever the blobs are listed.
 * - `lock`
 *
 * INVARIANT: a committed blob is in the journal or a file, synced with the names that lead to it. Its record goes only when
 * the file is there, so whoever reads looks into the journal first. Removing what is in the journal is a record of its own:
 * a crash does not bring it back, but its bytes stay on the disk until the segment goes. What a crash left in the
 * journal is read at the start (a second a gigabyte), and becomes files in the background as ever.
 *
 * Bounds: 32 MiB for unfinished small blobs and 4 MiB for the group being written, each copied once; 90,000 names in the
 * journal, here and in every thread that reads; 200 MiB of segments.
 *
 * Rejects with `invalid_config` when the directory cannot be made or written or another process has it, with a temporary
 * `unavailable` when the disk is full or fails later.
 */
export async function createFileBlobs(
  root: string,
  now: () => number,
  { report = () => undefined, restMs = 30_000 }: FileBlobsOptions = {},
): Promise<FileBlobs> {
  const { lock, tree, journal } = await open(root, now, restMs, report);
  const settler = new Settler({ journal, tree, restMs, report });
  const allowance = new Allowance(HELD_BYTES);
  let closed = false;
  const check = (): void => {
    if (closed) throw new PosternError("unavailable", "the blobs are closed", { temporary: true });
  };

  return {
    async create(tenant) {
      checkTenant(tenant);
      check();
      return createSmallWriter({
        allowance,
        async keep(bytes, digest) {
          check();
          if (!journal.hasRoom) return false;
          await disk(() => journal.append({ kind: "put", name: { tenant, digest }, at: now(), bytes }));
          return true;
        },
        toFile: () => tree.create(tenant),
      });
    },
    async get(tenant, digest) {
      const name = checked(tenant, digest);
      check();
      return find(name);
    },
    async remove(tenant, digest) {
      const name = checked(tenant, digest);
      check();
      if (journal.find(name) !== undefined) {
        await disk(() => journal.append({ kind: "remove", name, at: now(), bytes: Buffer.alloc(0) }));
      }
      // A file may be on its way to its place.
      await settler.idle(name);
      await tree.remove(name);
    },
    async *list(before) {
      check();
      await tree.removeLeftovers();
      // Taken first: what becomes a file meanwhile is found here or there.
      const unseen = new Map(Array.from(journal.places(), ({ name }) => [keyOf(name), name]));
      for await (const name of tree.names()) {
        unseen.delete(keyOf(name));
        if (await isOlder(name, before)) yield name;
      }
      for (const name of unseen.values()) if (await isOlder(name, before)) yield name;
    },
    async close() {
      if (closed) return;
      closed = true;
      await settler.close();
      await journal.close();
      lock.release();
    },
  };

  async function find(name: BlobName): Promise<Buffer | null> {
    const place = journal.find(name);
    if (place === undefined) return tree.get(name);
    return read(place).catch((error: unknown) => {
      if (journal.find(name) === place) throw error;
      // It has become a file meanwhile, or was removed.
      return find(name);
    });
  }

  /** Whether it is there, and neither record nor file is as young as `before`. In this order: a record becomes a young file. */
  async function isOlder(name: BlobName, before: number): Promise<boolean> {
    const times = [journal.find(name)?.at ?? null, await tree.timeOf(name)].filter((time) => time !== null);
    return times.length > 0 && Math.max(...times) < before;
  }
}

function checked(tenant: BlobName["tenant"], digest: string): BlobName {
  checkName({ tenant, digest });
  return { tenant, digest };
}

async function read({ name, segment, offset, length }: Place): Promise<Buffer> {
  const bytes = await segment.read(offset, length);
  if (hash("sha256", bytes) === name.digest) return bytes;
  throw new PosternError("internal", "a blob does not have the digest it is named by", { detail: segment.path });
}

async function open(
  root: string,
  now: () => number,
  restMs: number,
  report: (fault: PosternError) => void,
): Promise<{ readonly lock: Lock; readonly tree: Tree; readonly journal: Journal }> {
  let lock: Lock | null = null;
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(root));
    lock = lockRoot(root);
    const tree = await Tree.open(root, now);
    const { journal, losses } = await Journal.open(journalOf(root), restMs);
    for (const { segment, damage } of losses) {
      await reportLoss(
        { journal, tree, report },
        segment,
        damage.flatMap(({ names }) => names),
      );
    }
    return { lock, tree, journal };
  } catch (cause) {
    lock?.release();
    if (cause instanceof PosternError) throw cause;
    throw new PosternError("invalid_config", `cannot use the blob directory \`${root}\``, {
      fix: "make it writable for the user that runs postern",
      ...(cause instanceof Error ? { detail: cause.message } : {}),
      cause,
    });
  }
}
