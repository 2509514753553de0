import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { run } from "./run.ts";

export interface ProcessInfo {
  readonly parent: number;
  /** The command line, arguments separated by a space. Empty for a process that has ended and was not yet waited for. */
  readonly command: string;
}

/** What is known about a process of this machine, or null when there is none. */
export async function inspect(pid: number): Promise<ProcessInfo | null> {
  return process.platform === "linux" ? inspectByProc(pid) : inspectByPs(pid);
}

async function inspectByProc(pid: number): Promise<ProcessInfo | null> {
  try {
    const [stat, command] = await Promise.all([readFile(`/proc/${pid}/stat`, "utf8"), readFile(`/proc/${pid}/cmdline`, "utf8")]);
    // proc(5): `pid (comm) state ppid …`, where comm may itself hold blanks and brackets.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return { parent, command: command.replaceAll("\0", " ").trim() };
  } catch {
    return null;
  }
}

async function inspectByPs(pid: number): Promise<ProcessInfo | null> {
  const { code, output } = await run("ps", ["-ww", "-o", "ppid=,args=", "-p", String(pid)], { timeoutMs: 5_000 });
  const [, parent, command] = /^\s*(\d+)\s+(.*)$/m.exec(output) ?? [];
  return code !== 0 || parent === undefined || command === undefined ? null : { parent: Number(parent), command };
}

/** SIGTERM, after `graceMs` SIGKILL; resolves when `isRunning` says that it is gone. */
export async function endProcess(pid: number, isRunning: () => Promise<boolean>, graceMs: number): Promise<void> {
  send(pid, "SIGTERM");
  const killAt = performance.now() + graceMs;
  for (let killed = false; await isRunning(); await delay(25)) {
    if (killed || performance.now() < killAt) continue;
    send(pid, "SIGKILL");
    killed = true;
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone: what was wanted.
  }
}
