import { PosternError } from "../model/errors.ts";

/** Bytes: 1.5 times the largest message. */
const SPACE = 1.5 * 25 * 1024 * 1024;

/**
 * As at MAIL (DESIGN §8): what comes from agents must not fill the disk that mail from outside needs. Rejects with a temporary
 * `unavailable`, also while the disk does not say.
 */
export async function needRoom(freeBytes: () => Promise<number>): Promise<void> {
  if ((await freeBytes().catch(() => 0)) >= SPACE) return;
  throw new PosternError("unavailable", "there is no room for drafts now", {
    temporary: true,
    fix: "try again later; an operator must make room on the disk",
    retryAfter: 60,
  });
}
