import { fork } from "node:child_process";
import { once } from "node:events";

/** A process of its own under measurement: what drives it must not share its loop. */
export interface Child {
  readonly pid: number;
  ask<T>(name: string, args?: unknown): Promise<T>;
  /** Lets it close what it has open, then ends it. */
  stop(): Promise<void>;
}

interface Question {
  readonly id: number;
  readonly name: string;
  readonly args: unknown;
}

type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

export async function startChild(entry: URL, setup: unknown): Promise<Child> {
  const child = fork(entry, { serialization: "advanced", stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: profiling() });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  child.on("message", (reply: Reply) => {
    const asked = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) asked?.reject(new Error(reply.error));
    else asked?.resolve(reply.value);
  });
  const ended = once(child, "exit");
  child.on("exit", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`the measured process ended with ${code}`));
  });
  let lastId = 0;
  const ask = <T>(name: string, args?: unknown): Promise<T> => {
    const asked = Promise.withResolvers<unknown>();
    const question: Question = { id: ++lastId, name, args };
    waiting.set(question.id, asked);
    child.send(question);
    return asked.promise as Promise<T>;
  };
  await ask("setup", setup);
  return {
    pid: child.pid ?? 0,
    ask,
    async stop() {
      await ask("close");
      child.disconnect();
      await ended;
    },
  };
}

/** `BENCH_PROFILE=DIR` leaves a CPU profile of every thread of the measured process there. */
function profiling(): string[] {
  const directory = process.env["BENCH_PROFILE"];
  return directory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${directory}`];
}

export interface Subject {
  readonly close: () => Promise<void>;
  readonly tasks: Readonly<Record<string, (args: never) => Promise<unknown>>>;
}

/** The child's side. It ends when the parent has gone. */
export function answerParent(setUp: (setup: never) => Promise<Subject>): void {
  let subject: Subject | null = null;
  const carryOut = async ({ name, args }: Question): Promise<unknown> => {
    if (name === "setup") return void (subject = await setUp(args as never));
    if (name === "close") return subject?.close();
    return subject?.tasks[name]?.(args as never);
  };
  process.on("message", (question: Question) => {
    void carryOut(question).then(
      (value) => process.send?.({ id: question.id, value } satisfies Reply),
      (error: unknown) => process.send?.({ id: question.id, error: String(error) } satisfies Reply),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
