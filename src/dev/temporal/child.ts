import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A server process that does not outlive this one. */
export interface ServerChild {
  readonly pid: number;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** SIGTERM, then SIGKILL after `graceMs`. Resolves when it is gone; may be called again. */
  stop(graceMs: number): Promise<void>;
}

/**
 * Starts `executable` in a session of its own: Ctrl-C in the terminal reaches only the parent, which stops the server last. Output
 * goes to `logFile`. Rejects when it cannot be started.
 */
export async function startChild(executable: string, args: readonly string[], logFile: string): Promise<ServerChild> {
  const log = openSync(logFile, "a", 0o600);
  const child = spawn(executable, args, { stdio: ["ignore", log, log], detached: true, env: withoutKeys(process.env) });
  closeSync(log);
  const exited = new Promise<Exit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  await new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  const { pid } = child;
  if (pid === undefined) throw new Error("a spawned process without an id");
  const watcher = killWhenWeDie(pid);
  void exited.then(() => watcher.kill("SIGKILL"));
  return { pid, exited, stop: (graceMs) => stop(child, exited, graceMs) };
}

/** Settings of the gate are none of the server's business, and keys are among them. */
function withoutKeys(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("POSTERN_")));
}

/**
 * A shell that holds the other end of a pipe: when this process dies, even by SIGKILL, it reads the end of file and kills the server.
 * SIGKILL, because the database is written through (synchronous=FULL) and the next start should not have to wait.
 */
function killWhenWeDie(pid: number): ChildProcess {
  const watcher = spawn("/bin/sh", ["-c", 'read -r _; kill -KILL "$1"', "sh", String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    env: {},
  });
  // Without a shell the claim file is what keeps two servers apart.
  watcher.on("error", () => {});
  watcher.stdin?.on("error", () => {});
  return watcher;
}

async function stop(child: ChildProcess, exited: Promise<Exit>, graceMs: number): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await exited;
  clearTimeout(timer);
}
