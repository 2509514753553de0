import { statfs } from "node:fs/promises";

/** Milliseconds a look at the disk counts for: it is asked at every MAIL, and fills in seconds at the quickest. */
const FRESH_MS = 500;

/** Bytes that may still be written under `path`, seen at most half a second ago. Rejects when the disk does not say. */
export function freeSpace(path: string, nowMs: () => number = () => performance.now()): () => Promise<number> {
  let seen: { readonly at: number; readonly bytes: Promise<number> } | null = null;
  return () => {
    if (seen === null || nowMs() - seen.at >= FRESH_MS) seen = { at: nowMs(), bytes: look(path) };
    return seen.bytes;
  };
}

async function look(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
