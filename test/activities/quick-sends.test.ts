import { describe, expect, it, onTestFinished, vi } from "vitest";
import { QuickSends } from "../../activities/quick-sends.ts";
import type { SendStep } from "../../src/model/outbound.ts";

const SENT: SendStep = { kind: "done", state: "sent", copy: false };
const LATE: SendStep = { kind: "late" };

/** One that goes on until it is let go. */
function under(quick: QuickSends) {
  const { promise, resolve, reject } = Promise.withResolvers<SendStep>();
  let given: AbortSignal | undefined;
  const ended = quick.run((signal) => {
    given = signal;
    return promise;
  });
  return { ended, resolve, reject, signal: () => given };
}

describe("a next hop that is slow stops nobody's approval", () => {
  it("so only so many sends keep a workflow task waiting, and the others are not even begun", async () => {
    const quick = new QuickSends(2);
    const [first, second] = [under(quick), under(quick)];
    const third = under(quick);
    expect(await third.ended).toEqual(LATE);
    expect(third.signal()).toBeUndefined();
    first.resolve(SENT);
    expect(await first.ended).toEqual(SENT);
    second.reject(new Error("the store is away"));
    await expect(second.ended).rejects.toThrow("the store is away");
    const [fourth, fifth, sixth] = [under(quick), under(quick), under(quick)];
    expect(await sixth.ended).toEqual(LATE);
    for (const { resolve } of [fourth, fifth]) resolve(SENT);
    expect([await fourth.ended, await fifth.ended]).toEqual([SENT, SENT]);
  });

  it("twenty where nobody says how many: half of what a worker of the SDK has", async () => {
    const quick = new QuickSends();
    const begun = Array.from({ length: 21 }, () => under(quick));
    expect(begun.filter(({ signal }) => signal() !== undefined)).toHaveLength(20);
    expect(await begun[20]!.ended).toEqual(LATE);
    for (const { resolve } of begun) resolve(SENT);
  });

  it("and each is asked to end after two seconds, unless it has", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const quick = new QuickSends();
    const [slow, fast] = [under(quick), under(quick)];
    fast.resolve(SENT);
    await fast.ended;
    vi.advanceTimersByTime(1_999);
    expect(slow.signal()!.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect([slow.signal()!.aborted, fast.signal()!.aborted]).toEqual([true, false]);
    slow.resolve(LATE);
    expect(await slow.ended).toEqual(LATE);
  });
});
