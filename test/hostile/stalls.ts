import { PerformanceObserver, type PerformanceEntry } from "node:perf_hooks";

const EVERY_MS = 5;

/** How long a thread kept its event loop waiting. */
export interface Stalls {
  /**
   * Most processor time the thread took between two rounds of the loop, milliseconds: what was its own doing. The plain
   * delay would count the machine's other work, which on two busy cores is more than the bound. Without collections: here
   * they go through what a hundred test files have loaded. `npm run bench` counts them, in a process of its own.
   */
  readonly cpuMs: number;
}

interface Span {
  /** On `performance.now()`'s scale, milliseconds. */
  readonly from: number;
  readonly to: number;
}

interface Round extends Span {
  readonly cpuMs: number;
}

/** Watches the calling thread until `end`. */
export function watchStalls(): { end(): Stalls } {
  const rounds: Round[] = [];
  const collections: Span[] = [];
  const collected = (entries: PerformanceEntry[]): void =>
    void collections.push(...entries.map(({ startTime: from, duration }) => ({ from, to: from + duration })));
  const observer = new PerformanceObserver((list) => collected(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  let [from, before] = [performance.now(), process.threadCpuUsage()];
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    const to = performance.now();
    rounds.push({ from, to, cpuMs: (user + system) / 1_000 });
    [from, before] = [to, process.threadCpuUsage()];
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    end: () => {
      clearInterval(timer);
      look();
      collected(observer.takeRecords());
      observer.disconnect();
      const own = rounds.map((round) => round.cpuMs - collections.reduce((sum, each) => sum + shared(round, each), 0));
      return { cpuMs: Math.round(Math.max(...own)) };
    },
  };
}

function shared(one: Span, other: Span): number {
  return Math.max(0, Math.min(one.to, other.to) - Math.max(one.from, other.from));
}
