import { open } from "node:fs/promises";

interface Round {
  readonly done: Promise<void>;
  started: boolean;
}

const rounds = new Map<string, Round>();

/**
 * Makes the names in a directory survive a power cut. Callers that come while one fsync is under way share the next:
 * it begins after all their renames, so it covers them.
 */
export function syncDirectory(directory: string): Promise<void> {
  const waiting = rounds.get(directory);
  if (waiting !== undefined && !waiting.started) return waiting.done;
  const round: Round = { started: false, done: begin(directory, waiting?.done, () => (round.started = true)) };
  rounds.set(directory, round);
  const forget = (): void => {
    if (rounds.get(directory) === round) rounds.delete(directory);
  };
  round.done.then(forget, forget);
  return round.done;
}

async function begin(directory: string, before: Promise<void> | undefined, started: () => void): Promise<void> {
  await before?.catch(() => undefined);
  await Promise.resolve();
  started();
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
