import type { MessagePort } from "node:worker_threads";
import { PosternError } from "../model/errors.ts";
import type { Job, JobName, Reply } from "./protocol.ts";
import { HolderWord, Turns, type Turn } from "./turn.ts";

/** Takes jobs from the port for as long as the thread lives and answers them in any order. */
export function answerJobs(port: MessagePort, holder: SharedArrayBuffer, jobsFor: (turn: Turn) => Work): void {
  const turns = new Turns(new HolderWord(holder));
  const reply = async (job: Job): Promise<void> => port.postMessage(await answer(jobsFor(turns.of(job.id)), job));
  port.on("message", (job: Job) => void reply(job));
}

/** Jobs by name; the callers' types see to it that each thread is given its own only. */
type Work = { readonly [N in JobName]?: (...given: never[]) => Promise<unknown> };

async function answer(work: Work, { id, name, args }: Job): Promise<Reply> {
  try {
    const run = work[name] as (...given: readonly unknown[]) => Promise<unknown>;
    return { id, value: await run(...args) };
  } catch (error) {
    return { id, error: crossing(error) };
  }
}

function crossing(error: unknown): Extract<Reply, { readonly error: object }>["error"] {
  const where = error instanceof Error ? (error.stack?.split("\n").find((line) => line.trimStart().startsWith("at ")) ?? "").trim() : "";
  if (error instanceof PosternError) return { code: error.code, message: error.message, temporary: error.temporary, where };
  // A file system that does not answer is nothing the message can help.
  const temporary = error instanceof Error && "syscall" in error;
  return { code: "internal", message: "the message cannot be read", temporary, where };
}
