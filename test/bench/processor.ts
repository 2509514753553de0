import { readFile } from "node:fs/promises";

/** Linux counts in hundredths of a second, whatever the kernel ticks at (USER_HZ, proc(5)). */
const TICK_MS = 10;

/** Milliseconds of processor time a process and all its threads have used so far; NaN where there is no /proc. */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  // The second field is a name in brackets that may hold anything; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
