const EVERY_MS = 5;

/** How long a thread kept its event loop waiting. */
export interface Stalls {
  /**
   * Most processor time the thread took between two rounds of the loop, milliseconds: what was its own doing. The plain
   * delay would count the machine's other work, which on two busy cores is more than the bound.
   */
  readonly cpuMs: number;
}

/** Watches the calling thread until `end`. */
export function watchStalls(): { end(): Stalls } {
  let most = 0;
  let before = process.threadCpuUsage();
  const look = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    most = Math.max(most, (user + system) / 1_000);
    before = process.threadCpuUsage();
  };
  const round = setInterval(look, EVERY_MS);
  return {
    end: () => {
      clearInterval(round);
      look();
      return { cpuMs: Math.round(most) };
    },
  };
}
