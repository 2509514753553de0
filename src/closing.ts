/** Stops one thing that was started. */
export type Closing = () => Promise<void>;

/** Milliseconds `close` waits; what still goes on then ends by itself or with the process. */
const CLOSE_MS = 9_500;

/** Last started, first stopped: no door is open while what it stands on goes away. Stops the rest whatever fails, then rejects. */
export async function closeAll(started: Closing[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of started.splice(0)) await close().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** A peer, a lock or Temporal may hold something up; whoever stops us does not wait for ever. `ms`: default some 10 s. */
export async function inTime(closing: Promise<unknown>, ms = CLOSE_MS): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([closing, late]).finally(() => clearTimeout(timer));
}
