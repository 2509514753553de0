import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, opendir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "../model/errors.ts";
import type { TenantId } from "../model/ids.ts";
import type { Blobs } from "./blobs.ts";
import { createFileWriter } from "./file-writer.ts";
import { syncDirectory } from "./sync-directory.ts";
import { checkName, checkTenant, isDigest, isPrefix, isTenant, type BlobName } from "./name.ts";
import { directoryOf, pathOf } from "./path.ts";

/** Milliseconds after which an unfinished blob belongs to nobody any more. */
const LEFTOVER_AGE = 24 * 3_600_000;

/** Bytes read and hashed at a time: hashing 25 MiB at once would stall the loop. */
const READ_SIZE = 1 << 20;

/**
 * Blobs as files under `root` (made if absent, 0700), one file system: `<tenant>/<2 hex>/<digest>`, and `incoming/` for
 * what is not committed yet. Unfinished blobs older than 24 h are removed here and whenever the blobs are listed.
 *
 * Rejects with `invalid_config` when the directory cannot be made or written, with a temporary `unavailable` when the
 * disk is full or fails later.
 */
export async function createFileBlobs(root: string, now: () => number): Promise<Blobs> {
  const incoming = join(root, "incoming");
  await prepare(root, incoming);
  await removeLeftovers(incoming, now());
  const directories = new KnownDirectories(root);
  return {
    async create(tenant) {
      checkTenant(tenant);
      return createFileWriter(join(incoming, randomUUID()), async (temporary, digest) => {
        const directory = await directories.of({ tenant, digest });
        // Over what is there already: the same bytes with the time of this put.
        await rename(temporary, join(directory, digest));
        await syncDirectory(directory);
      });
    },
    async get(tenant, digest) {
      checkName({ tenant, digest });
      return readVerified(pathOf(root, { tenant, digest }), digest);
    },
    async remove(tenant, digest) {
      checkName({ tenant, digest });
      await rm(pathOf(root, { tenant, digest }), { force: true });
    },
    async *list(before) {
      await removeLeftovers(incoming, now());
      for await (const name of names(root)) if (await isOlder(pathOf(root, name), before)) yield name;
    },
  };
}

async function prepare(root: string, incoming: string): Promise<void> {
  try {
    await mkdir(incoming, { recursive: true, mode: 0o700 });
    await syncDirectory(root);
  } catch (cause) {
    throw new PosternError("invalid_config", `cannot use the blob directory \`${root}\``, {
      fix: "make it writable for the user that runs postern",
      cause,
    });
  }
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

async function* names(root: string): AsyncGenerator<BlobName> {
  for await (const tenant of entries(root)) {
    if (!isTenant(tenant)) continue;
    for await (const prefix of entries(join(root, tenant))) {
      if (!isPrefix(prefix)) continue;
      for await (const digest of entries(join(root, tenant, prefix))) if (isDigest(digest)) yield { tenant, digest };
    }
  }
}

async function* entries(directory: string): AsyncGenerator<string> {
  for await (const entry of await opendir(directory)) yield entry.name;
}

async function removeLeftovers(incoming: string, now: number): Promise<void> {
  for await (const name of entries(incoming)) {
    const path = join(incoming, name);
    if (await isOlder(path, now - LEFTOVER_AGE)) await rm(path, { force: true });
  }
}

async function isOlder(path: string, time: number): Promise<boolean> {
  try {
    return (await stat(path)).mtimeMs < time;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
