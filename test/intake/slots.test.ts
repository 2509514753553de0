import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSlots, type Release } from "../../src/intake/slots.ts";

describe("slots", () => {
  it("never more than the total nor than a key may have, and every place comes back", () => {
    const step = fc.record({ key: fc.constantFrom("a", "b", null), give: fc.boolean() });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        (total, perKey, steps) => {
          const slots = createSlots({ total, perKey });
          const held: { key: string | null; release: Release }[] = [];
          for (const { key, give } of steps) {
            if (give) held.shift()?.release();
            const release = slots.take(key);
            const mine = held.filter((one) => one.key === key).length;
            expect(release === null).toBe(held.length >= total || (key !== null && mine >= perKey));
            if (release !== null) held.push({ key, release });
            expect(slots.busy).toBe(held.length);
          }
          for (const { release } of held) release();
          expect(slots.busy).toBe(0);
        },
      ),
    );
  });

  it("a place given back twice is one place", () => {
    const slots = createSlots({ total: 2, perKey: 2 });
    const first = slots.take("a")!;
    slots.take("a");
    first();
    first();
    expect(slots.busy).toBe(1);
  });
});
