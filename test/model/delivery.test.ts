import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DELIVERY_STATES, draftStateOf, fateOf, type DeliveryFate } from "../../src/model/delivery.ts";

const delivery: fc.Arbitrary<DeliveryFate> = fc.record({
  state: fc.constantFrom(...DELIVERY_STATES),
  code: fc.constantFrom(null, 250, 451, 550),
  enhanced: fc.constantFrom(null, "5.1.1"),
});

describe("a draft's state by its deliveries (DESIGN §4.5)", () => {
  it("unknown before all, then what is still to be tried, then what somebody has", () => {
    fc.assert(
      fc.property(fc.array(delivery, { minLength: 1, maxLength: 6 }), (deliveries) => {
        const { state } = draftStateOf(deliveries);
        const has = (...states: readonly DeliveryFate["state"][]) => deliveries.some((one) => states.includes(one.state));
        const expected = has("unknown") ? "unknown" : has("pending", "deferred") ? "sending" : has("accepted") ? "sent" : "failed";
        expect(state).toBe(expected);
      }),
    );
  });

  it.each<[DeliveryFate, object]>([
    [
      { state: "refused", code: 550, enhanced: "5.1.1" },
      { state: "failed", reason: "550 5.1.1" },
    ],
    [
      { state: "refused", code: 550, enhanced: null },
      { state: "failed", reason: "550" },
    ],
    [
      { state: "refused", code: null, enhanced: null },
      { state: "failed", reason: null },
    ],
    [
      { state: "deferred", code: 451, enhanced: "4.7.1" },
      { state: "sending", reason: "451 4.7.1" },
    ],
    [
      { state: "deferred", code: null, enhanced: null },
      { state: "sending", reason: "no_answer" },
    ],
    [
      { state: "accepted", code: 250, enhanced: null },
      { state: "sent", reason: "accepted" },
    ],
    [
      { state: "unknown", code: null, enhanced: null },
      { state: "unknown", reason: "no_reply" },
    ],
    [
      { state: "pending", code: null, enhanced: null },
      { state: "sending", reason: null },
    ],
  ])("%j", (one, expected) => {
    expect(draftStateOf([one])).toEqual(expected);
  });

  it("with nobody to deliver to nothing has been sent and nothing has failed", () => {
    expect(draftStateOf([])).toEqual({ state: "sending", reason: null });
  });
});

describe("what a reply means", () => {
  it.each([
    [250, true, "accepted"],
    [251, true, "accepted"],
    [250, false, null],
    [354, true, null],
    [199, true, null],
    [450, false, "deferred"],
    [450, true, "deferred"],
    [550, false, "refused"],
    [599, true, "refused"],
    [600, true, null],
    [Number.NaN, true, null],
  ])("%s, claimed %s: %s", (code, claimed, fate) => {
    expect(fateOf(code, claimed)).toBe(fate);
  });
});
