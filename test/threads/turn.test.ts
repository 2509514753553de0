import { describe, expect, it } from "vitest";
import { HolderWord, Turns } from "../../src/threads/turn.ts";

function pause(): { readonly over: Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { over: promise, end: resolve };
}

const nextLoop = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("who computes", () => {
  it("is the job that began last, then the one before it, then nobody", async () => {
    const word = new HolderWord();
    const turns = new Turns(word);
    const [first, second] = [pause(), pause()];
    const one = turns.of(1).use(() => first.over);
    expect(word.read()).toMatchObject({ job: 1 });
    const two = turns.of(2).use(() => second.over);
    expect(new HolderWord(word.shared).read()).toMatchObject({ job: 2 });
    second.end();
    await two;
    expect(word.read()).toMatchObject({ job: 1 });
    first.end();
    await one;
    expect(word.read()).toBeNull();
  });

  it("is not the job that waits for an answer, and is again when the answer is there", async () => {
    const word = new HolderWord();
    const turn = new Turns(word).of(7);
    const [answer, work] = [pause(), pause()];
    const done = turn.use(async () => {
      await turn.wait(() => answer.over);
      await work.over;
    });
    await nextLoop();
    expect(word.read()).toBeNull();
    answer.end();
    await nextLoop();
    expect(word.read()).toMatchObject({ job: 7 });
    work.end();
    await done;
    expect(word.read()).toBeNull();
  });

  it("is one job at a time for work of many steps, in the order it came, whatever becomes of the one before", async () => {
    const turns = new Turns(new HolderWord());
    const [first, order] = [pause(), [] as number[]];
    const one = turns.of(1).useAlone(() => first.over.then(() => Promise.reject(new Error("broken"))));
    const two = turns.of(2).useAlone(async () => void order.push(2));
    const three = turns.of(3).useAlone(async () => void order.push(3));
    await nextLoop();
    expect(order).toEqual([]);
    first.end();
    await expect(one).rejects.toThrow("broken");
    await Promise.all([two, three]);
    expect(order).toEqual([2, 3]);
  });
});
