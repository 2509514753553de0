// A reader thread that does what HELO says instead of reading: light, so that many can be started.
import { parentPort, workerData } from "node:worker_threads";
import type { Authentication, MailReader } from "../../src/mail/reader.ts";
import { answerJobs } from "../../src/threads/answer.ts";
import type { ReaderSetup } from "../../src/threads/protocol.ts";
import type { Turn } from "../../src/threads/turn.ts";

const ANSWER_MS = 300;

if (parentPort !== null) answerJobs(parentPort, (workerData as ReaderSetup).holder, readerFor);

function readerFor(turn: Turn): MailReader {
  const unused = (): never => {
    throw new TypeError("not for this thread");
  };
  const authenticate: MailReader["authenticate"] = (_message, { helo }) => turn.use(() => obey(helo, turn));
  return { inspect: async () => null, authenticate, scan: unused, headline: unused, thread: unused, view: unused };
}

async function obey(helo: string, turn: Turn): Promise<Authentication> {
  switch (helo) {
    case "wait":
      await turn.wait(() => new Promise((resolve) => setTimeout(resolve, ANSWER_MS)));
      break;
    case "wait and hang":
      await turn.wait(() => new Promise((resolve) => setTimeout(resolve, ANSWER_MS)));
      hang();
      break;
    case "wait for ever":
      await turn.wait(() => new Promise(() => {}));
      break;
    case "hang":
      hang();
      break;
    case "stand still":
      standStill();
      break;
    case "die":
      process.exit(1);
  }
  return { subject: helo } as unknown as Authentication;
}

function hang(): never {
  for (;;);
}

/** Hangs as well, as far as anybody outside can tell, and takes no processor from others. */
function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}
