import type { MessagePort } from "node:worker_threads";
import { PosternError } from "../model/errors.ts";
import type { Job, JobName, Reply } from "./protocol.ts";
import { HolderWord, Turns, type Turn } from "./turn.ts";

/** Takes jobs from the port for as long as the thread lives and answers them in any order. */
export function answerJobs(port: MessagePort, holder: SharedArrayBuffer, jobsFor: (turn: Turn) => Work): void {
  const turns = new Turns(new HolderWord(holder));
  const outbox = new Outbox(port, turns);
  const reply = async (job: Job): Promise<void> => outbox.add(await answer(jobsFor(turns.of(job.id)), job));
  port.on("message", (jobs: readonly Job[]) => {
    for (const job of jobs) void reply(job);
  });
}

/** Milliseconds an answer waits for others while the thread computes. */
const MOST_MS = 10;

/**
 * Answers on their way out: at once when nobody computes, else together with the next. To wake the other thread costs
 * both as much as a short job, and what is answered together is recorded together, in one commit.
 */
class Outbox {
  readonly #port: MessagePort;
  readonly #turns: Turns;
  #replies: Reply[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(port: MessagePort, turns: Turns) {
    this.#port = port;
    this.#turns = turns;
  }

  add(reply: Reply): void {
    this.#replies.push(reply);
    if (!this.#turns.busy) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), MOST_MS);
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#port.postMessage(this.#replies);
    this.#replies = [];
  }
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
