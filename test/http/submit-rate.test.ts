import { describe, expect, it } from "vitest";
import { createSubmitRate } from "../../src/http/submit-rate.ts";

describe("submits that come to nothing, in a rolling hour", () => {
  const HOUR = 3_600_000;

  it("are counted for each key by itself; one that was given back never was", () => {
    let now = 0;
    const rate = createSubmitRate(() => now, 2);
    rate("key_a");
    rate("key_a")();
    rate("key_a");
    expect(() => rate("key_a")).toThrow(expect.objectContaining({ code: "too_many_requests", retryAfter: 3600 }));
    rate("key_b");
    now = HOUR - 1;
    expect(() => rate("key_a")).toThrow(expect.objectContaining({ retryAfter: 1 }));
    now = HOUR;
    rate("key_a");
  });

  it("leave no window of an hour with more of them, wherever it is laid", () => {
    const at: number[] = [];
    let now = 0;
    const rate = createSubmitRate(() => now, 5);
    for (; now < 3 * HOUR; now += HOUR / 17) {
      try {
        rate("key_a");
        at.push(now);
      } catch {
        // Refused.
      }
    }
    expect(at.length).toBeGreaterThan(10);
    for (const end of at) expect(at.filter((time) => time > end - HOUR && time <= end).length).toBeLessThanOrEqual(5);
  });
});
