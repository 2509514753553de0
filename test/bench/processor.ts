import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";

/** Linux counts in hundredths of a second, whatever the kernel ticks at (USER_HZ, proc(5)). */
const TICK_MS = 10;

/** Whether processor time can be told here. */
export const HAS_PROC = existsSync("/proc/self/stat");

/** Milliseconds. */
interface Stat {
  readonly pid: number;
  readonly parent: number;
  /** Of the process and all its threads. */
  readonly own: number;
  /** Of its children that have ended, and theirs. */
  readonly ended: number;
}

/** Milliseconds of processor time a process and all its threads have used so far; NaN where there is no /proc. */
export async function processorMs(pid: number): Promise<number> {
  return (await readStat(pid))?.own ?? Number.NaN;
}

/** The same of a process and all that descends from it, also what has ended; NaN where there is no /proc. */
export async function familyMs(pid: number): Promise<number> {
  const found = HAS_PROC ? await readdir("/proc") : [];
  const all = await Promise.all(found.filter((name) => /^\d+$/.test(name)).map((name) => readStat(Number(name))));
  const stats = all.filter((stat) => stat !== null);
  const root = stats.find((stat) => stat.pid === pid);
  return root === undefined ? Number.NaN : total(root, stats);
}

function total(root: Stat, stats: readonly Stat[]): number {
  const children = stats.filter(({ parent }) => parent === root.pid);
  return children.reduce((sum, child) => sum + total(child, stats), root.own + root.ended);
}

/** Null: there is no such process, or no /proc. */
async function readStat(pid: number): Promise<Stat | null> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  if (stat === null) return null;
  // The second field is a name in brackets that may hold anything; ppid is the 4th, utime, stime, cutime and cstime are the 14th to 17th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ms = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) * TICK_MS;
  return { pid, parent: Number(fields[1]), own: ms(11), ended: ms(13) };
}
