import type { Report } from "./scenario.ts";

/** One run in a few lines, for people. */
export function figures({ seed, ended, killed, ms, readers, recorded, runs, kept, log }: Report): string {
  const repeats = ended.flatMap(({ told, again }) => [...told.repeats, ...(again?.repeats ?? [])]);
  const counts = [...new Set(repeats)].sort().map((why) => `${repeats.filter((each) => each === why).length} × ${why}`);
  const needed = new Set(ended.filter(({ told }) => told.code === 250).map(({ digest }) => digest));
  const left = kept.digests.filter((digest) => !needed.has(digest)).length;
  return [
    `seed ${seed}: ${ended.length} messages, ${recorded.final.length} decisions, killed ${JSON.stringify(killed)}`,
    `${(ms.mail / 1000).toFixed(1)} s of mail (${((1000 * ended.length) / ms.mail).toFixed(1)}/s), ${(ms.all / 1000).toFixed(1)} s in all`,
    `${runs.length} runs, ${runs.filter(({ told }) => told.length > 1).length} of them of several messages, at most ${Math.max(...runs.map(({ told }) => told.length))}`,
    `${repeats.length} repeated attempts: ${counts.join(", ")}; ${ended.filter(({ again }) => again !== null).length} messages handed over again`,
    `agents: ${[...readers].map(([name, { seen, failures }]) => `${name} ${seen.length} seen, ${failures} failed calls`).join("; ")}`,
    `left behind: ${kept.unfinished.length} unfinished files, ${left} raw of refused mail; ${log.length} lines logged`,
  ].join("\n");
}
