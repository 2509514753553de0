import { MessageChannel } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { answerJobs } from "../../src/threads/answer.ts";
import type { Job, Reply } from "../../src/threads/protocol.ts";
import { HolderWord, type Turn } from "../../src/threads/turn.ts";

const nextLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A thread's port whose jobs do `work`; `heard` are the messages that came back, each with the ids it answers. */
function openPort(work: (turn: Turn, what: string) => Promise<unknown>) {
  const { port1, port2 } = new MessageChannel();
  const heard: (readonly number[])[] = [];
  const arrivals = new EventTarget();
  port2.on("message", (replies: readonly Reply[]) => {
    heard.push(replies.map(({ id }) => id));
    arrivals.dispatchEvent(new Event("answer"));
  });
  answerJobs(port1, new HolderWord().shared, (turn) => ({ preview: (what: string) => work(turn, what) }));
  onTestFinished(() => {
    port1.close();
    port2.close();
  });
  let lastId = 0;
  const ask = (...whats: readonly string[]): void =>
    port2.postMessage(whats.map((what): Job => ({ id: ++lastId, name: "preview", args: [what] })));
  const answered = (id: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (heard.some((ids) => ids.includes(id))) resolve();
      };
      arrivals.addEventListener("answer", look);
      look();
    });
  return { ask, answered, heard };
}

describe("the answers of a thread", () => {
  it("go together while it computes, in one message when it is done", async () => {
    const { ask, answered, heard } = openPort((turn) => turn.useAlone(nextLoop));
    ask("one", "two", "three");
    await answered(3);
    expect(heard).toEqual([[1, 2, 3]]);
  });

  it("do not wait for a job that only waits", async () => {
    const never = Promise.withResolvers<void>();
    const { ask, answered, heard } = openPort((turn, what) =>
      turn.use(() => (what === "wait" ? turn.wait(() => never.promise) : Promise.resolve())),
    );
    ask("wait");
    await nextLoop();
    await nextLoop();
    ask("compute");
    await answered(2);
    expect(heard).toEqual([[2]]);
    never.resolve();
    await answered(1);
  });

  it("do not wait for the end of a long job of many steps", async () => {
    const long = { stop: false };
    const { ask, answered, heard } = openPort((turn, what) =>
      turn.use(async () => {
        while (what === "long" && !long.stop) await nextLoop();
      }),
    );
    ask("long", "short");
    await answered(2);
    expect(heard).toEqual([[2]]);
    long.stop = true;
    await answered(1);
  });

  it("name the job that failed, and no other", async () => {
    const { ask, answered, heard } = openPort(async (turn, what) => {
      await turn.use(() => undefined);
      if (what === "broken") throw new Error("quotes the message");
    });
    ask("fine", "broken", "fine");
    await Promise.all([1, 2, 3].map(answered));
    expect(heard.flat().toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
  });
});
