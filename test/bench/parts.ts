import type { Pids } from "../durability/estate.ts";
import { familyMs, processorMs } from "./processor.ts";

/** What a message passes through, each in processes of its own. */
export const PARTS = ["Temporal server", "gateway", "first worker", "second worker", "PostgreSQL", "bucket"] as const;

export type Part = (typeof PARTS)[number];

/** Milliseconds of processor time; 0 for what does not run. */
export type PartsMs = Readonly<Record<Part, number>>;

/** So far. */
export async function partsMs({ temporal, gateways, workers, postgres, bucket }: Pids): Promise<PartsMs> {
  const [first, second] = workers;
  return {
    "Temporal server": await processorMs(temporal),
    gateway: await sum(gateways),
    "first worker": await sum([first]),
    "second worker": await sum([second]),
    PostgreSQL: await familyMs(postgres),
    bucket: await processorMs(bucket),
  };
}

async function sum(pids: readonly (number | undefined)[]): Promise<number> {
  const running = await Promise.all(pids.filter((pid) => pid !== undefined).map(processorMs));
  return running.reduce((all, ms) => all + ms, 0);
}
