import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, opendir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../model/errors.ts";
import type { TenantId } from "../model/ids.ts";
import type { BlobWriter } from "./blobs.ts";
import { isAbsent } from "./disk.ts";
import { createFileWriter } from "./file-writer.ts";
import { isDigest, isPrefix, isTenant, type BlobName } from "./name.ts";
import { directoryOf, pathOf } from "./path.ts";
import { syncDirectory } from "./sync-directory.ts";

/** Milliseconds after which an unfinished file belongs to nobody any more. */
const LEFTOVER_AGE = 24 * 3_600_000;

/** Bytes read and hashed at a time: hashing 25 MiB at once would stall the loop. */
const READ_SIZE = 1 << 20;

/** Blobs as files of their own: `<tenant>/<2 hex>/<digest>`, and `incoming/` for what is not finished. */
export class Tree {
  readonly #root: string;
  readonly #incoming: string;
  readonly #now: () => number;
  readonly #directories: KnownDirectories;

  private constructor(root: string, now: () => number) {
    this.#root = root;
    this.#incoming = join(root, "incoming");
    this.#now = now;
    this.#directories = new KnownDirectories(root);
  }

  static async open(root: string, now: () => number): Promise<Tree> {
    const tree = new Tree(root, now);
    await mkdir(tree.#incoming, { recursive: true, mode: 0o700 });
    await syncDirectory(root);
    await tree.removeLeftovers();
    return tree;
  }

  /** Its `commit` resolves when file and directories are synced. */
  create(tenant: TenantId): Promise<BlobWriter> {
    return createFileWriter(this.#temporary(), async (temporary, digest) => {
      const directory = await this.#directories.of({ tenant, digest });
      // Over what is there already: the same bytes with the time of this put.
      await rename(temporary, join(directory, digest));
      await syncDirectory(directory);
    });
  }

  /** Makes a synced file, whose name is on the disk only when the directories added to `unsynced` are. */
  async place(name: BlobName, bytes: Buffer, unsynced: Set<string>): Promise<void> {
    const writer = await createFileWriter(this.#temporary(), async (temporary) => {
      const directory = directoryOf(this.#root, name);
      await renameInto(directory, temporary, name.digest);
      for (const path of [directory, join(this.#root, name.tenant), this.#root]) unsynced.add(path);
    });
    await writer.write(bytes);
    await writer.commit();
  }

  #temporary(): string {
    return join(this.#incoming, randomUUID());
  }

  /** Null when absent. Rejects when the bytes do not have the digest. */
  async get(name: BlobName): Promise<Buffer | null> {
    return readVerified(pathOf(this.#root, name), name.digest);
  }

  async remove(name: BlobName): Promise<void> {
    await rm(pathOf(this.#root, name), { force: true });
  }

  async *names(): AsyncGenerator<BlobName> {
    for await (const tenant of entries(this.#root)) {
      if (!isTenant(tenant)) continue;
      for await (const prefix of entries(join(this.#root, tenant))) {
        if (!isPrefix(prefix)) continue;
        for await (const digest of entries(join(this.#root, tenant, prefix))) if (isDigest(digest)) yield { tenant, digest };
      }
    }
  }

  /** Epoch milliseconds when the file was written; null when there is none. */
  timeOf(name: BlobName): Promise<number | null> {
    return timeOf(pathOf(this.#root, name));
  }

  async removeLeftovers(): Promise<void> {
    for await (const name of entries(this.#incoming)) {
      const path = join(this.#incoming, name);
      const time = await timeOf(path);
      if (time !== null && time < this.#now() - LEFTOVER_AGE) await rm(path, { force: true });
    }
  }
}

/** There nearly always is the directory already: a tenant has 256 of them. */
async function renameInto(directory: string, from: string, name: string): Promise<void> {
  const to = join(directory, name);
  await rename(from, to).catch(async (error: unknown) => {
    if (!isAbsent(error)) throw error;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await rename(from, to);
  });
}

/** Directories that are on the disk with their parents; a new one is made, and its parents synced, once. */
class KnownDirectories {
  readonly #root: string;
  readonly #made = new Map<string, Promise<string>>();

  constructor(root: string) {
    this.#root = root;
  }

  of(name: BlobName): Promise<string> {
    const directory = directoryOf(this.#root, name);
    const made = this.#made.get(directory) ?? this.#make(name.tenant, directory);
    this.#made.set(directory, made);
    made.catch(() => this.#made.delete(directory));
    return made;
  }

  async #make(tenant: TenantId, directory: string): Promise<string> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await syncDirectory(join(this.#root, tenant));
    await syncDirectory(this.#root);
    return directory;
  }
}

async function readVerified(path: string, digest: string): Promise<Buffer | null> {
  const file = await openIfThere(path);
  if (file === null) return null;
  try {
    const bytes = Buffer.allocUnsafe((await file.stat()).size);
    const hash = createHash("sha256");
    for (let offset = 0; offset < bytes.length;) {
      const { bytesRead } = await file.read(bytes, offset, Math.min(READ_SIZE, bytes.length - offset), offset);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(offset, offset + bytesRead));
      offset += bytesRead;
    }
    if (hash.digest("hex") === digest) return bytes;
    throw new PosternError("internal", "a blob does not have the digest it is named by", { detail: path });
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

async function* entries(directory: string): AsyncGenerator<string> {
  for await (const entry of await opendir(directory)) yield entry.name;
}

async function timeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
