import { describe, expect, it, onTestFinished, vi } from "vitest";
import { mostQuick, QuickSends } from "../../activities/quick-sends.ts";
import type { DraftId } from "../../src/model/ids.ts";
import type { SendStep } from "../../src/model/outbound.ts";
import { newId } from "../store/samples.ts";

const SENT: SendStep = { kind: "done", state: "sent", copy: false };
const LATE: SendStep = { kind: "late" };

/** A workflow task that waits for a go at the draft, which goes on until it is let go. */
function waiting(quick: QuickSends, draft: DraftId = newId("drf")) {
  const { promise, resolve, reject } = Promise.withResolvers<SendStep>();
  let given: AbortSignal | undefined;
  const ended = quick.run(draft, (signal) => {
    given = signal;
    return promise;
  });
  return { draft, ended, resolve, reject, signal: () => given };
}

/** Time passes for workflow tasks that wait. */
function withClock(): void {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
}

describe("a next hop that is slow stops nobody's approval", () => {
  it("so only so many workflow tasks wait for it, and other sends are not even begun", async () => {
    const quick = new QuickSends(2);
    const [first, second] = [waiting(quick), waiting(quick)];
    const third = waiting(quick);
    expect(await third.ended).toEqual(LATE);
    expect(third.signal()).toBeUndefined();
    first.resolve(SENT);
    expect(await first.ended).toEqual(SENT);
    second.reject(new Error("the store is away"));
    await expect(second.ended).rejects.toThrow("the store is away");
    const [fourth, fifth, sixth] = [waiting(quick), waiting(quick), waiting(quick)];
    expect(await sixth.ended).toEqual(LATE);
    for (const { resolve } of [fourth, fifth]) resolve(SENT);
    expect([await fourth.ended, await fifth.ended]).toEqual([SENT, SENT]);
    expect(await waiting(new QuickSends(0)).ended).toEqual(LATE);
  });

  it("and none of a worker that has none to spare", () => {
    expect([2, 10, 13, 14, 40, 100].map(mostQuick)).toEqual([0, 0, 0, 1, 7, 22]);
  });

  it("and none waits longer than two seconds, whatever the send does when it is asked to end", async () => {
    withClock();
    const quick = new QuickSends(2);
    const [slow, fast] = [waiting(quick), waiting(quick)];
    fast.resolve(SENT);
    await fast.ended;
    vi.advanceTimersByTime(1_999);
    expect(slow.signal()!.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect([slow.signal()!.aborted, fast.signal()!.aborted]).toEqual([true, false]);
    expect(await slow.ended).toEqual(LATE);
    const [next, last] = [waiting(quick), waiting(quick)];
    expect([next.signal(), last.signal()]).not.toContain(undefined);
  });
});

describe("a go that nobody waits for any more", () => {
  it("is joined by the regular step, once, though it ended before that came", async () => {
    withClock();
    const quick = new QuickSends(2);
    const [slow, forgotten] = [waiting(quick), waiting(quick)];
    vi.advanceTimersByTime(2_000);
    for (const { resolve } of [slow, forgotten]) resolve(SENT);
    await Promise.all([slow.ended, forgotten.ended]);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(await quick.join(slow.draft)).toEqual(SENT);
    expect(await quick.join(slow.draft)).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(await quick.join(forgotten.draft)).toBeNull();
  });

  it("is joined by the regular step, and is none once it has ended", async () => {
    withClock();
    const quick = new QuickSends(1);
    const slow = waiting(quick);
    vi.advanceTimersByTime(2_000);
    expect(await slow.ended).toEqual(LATE);
    const joined = quick.join(slow.draft);
    slow.resolve(SENT);
    expect(await joined).toEqual(SENT);
    expect(await quick.join(slow.draft)).toBeNull();
  });

  it("is not begun a second time by a workflow task that comes again", async () => {
    withClock();
    const quick = new QuickSends(2);
    const slow = waiting(quick);
    vi.advanceTimersByTime(2_000);
    const again = waiting(quick, slow.draft);
    expect(again.signal()).toBeUndefined();
    slow.resolve(SENT);
    expect(await again.ended).toEqual(SENT);
  });

  it("has come to nothing where it has ended as it was asked to", async () => {
    withClock();
    const quick = new QuickSends(1);
    const slow = waiting(quick);
    vi.advanceTimersByTime(2_000);
    const joined = quick.join(slow.draft);
    slow.resolve(LATE);
    expect(await joined).toBeNull();
  });

  it("fails for whoever joins it, and for nobody else", async () => {
    withClock();
    const quick = new QuickSends(2);
    const [heard, unheard] = [waiting(quick), waiting(quick)];
    vi.advanceTimersByTime(2_000);
    await Promise.all([heard.ended, unheard.ended]);
    const joined = quick.join(heard.draft);
    for (const { reject } of [heard, unheard]) reject(new Error("the store is away"));
    await expect(joined).rejects.toThrow("the store is away");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await quick.join(unheard.draft)).toBeNull();
  });

  it("one that a workflow task has heard of is nothing to join", async () => {
    const quick = new QuickSends(1);
    const fast = waiting(quick);
    fast.resolve(SENT);
    await fast.ended;
    expect(await quick.join(fast.draft)).toBeNull();
  });
});

describe("a worker that stops", () => {
  it("waits for what is under way, whether it is waited for or left, and begins no more", async () => {
    withClock();
    const quick = new QuickSends(3);
    const [failing, left] = [waiting(quick), waiting(quick)];
    vi.advanceTimersByTime(2_000);
    await Promise.all([failing.ended, left.ended]);
    const awaited = waiting(quick);
    let isClosed = false;
    const closed = quick.close().then(() => (isClosed = true));
    expect(await waiting(quick).ended).toEqual(LATE);
    failing.reject(new Error("the store is away"));
    awaited.resolve(SENT);
    expect(await awaited.ended).toEqual(SENT);
    await vi.advanceTimersByTimeAsync(1);
    expect(isClosed).toBe(false);
    left.resolve(SENT);
    await closed;
  });
});
