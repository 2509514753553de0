import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { PosternError } from "../model/errors.ts";
import type { Blobs } from "./blobs.ts";
import { isAbsent } from "./disk.ts";
import { JournalFollower } from "./journal/follower.ts";
import { checkName } from "./name.ts";
import { journalOf, pathOf } from "./path.ts";

/**
 * What `createFileBlobs` keeps, for a thread that only reads mail. Reading blocks it: what is asked for was mostly written
 * a moment ago, and four waits for a thread pool cost ten times the reading.
 */
export function createFileReader(root: string): Pick<Blobs, "get"> {
  const journal = new JournalFollower(journalOf(root));
  return {
    async get(tenant, digest) {
      checkName({ tenant, digest });
      const path = pathOf(root, { tenant, digest });
      const bytes = journal.get({ tenant, digest }) ?? readIfThere(path);
      if (bytes === null || hash("sha256", bytes) === digest) return bytes;
      throw new PosternError("internal", "a blob does not have the digest it is named by", { detail: path });
    },
  };
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}
