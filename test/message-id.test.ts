import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { messageId } from "../src/message-id.ts";
import { isId } from "../src/model/ids.ts";

const ORIGIN = { tenant: "ten_a", mailbox: "mbx_b", digest: "c".repeat(64), sender: "boss@acme.example" } as const;

describe("message id", () => {
  it("is the same for the same bytes, mailbox and sender, at every door and attempt", () => {
    expect(messageId(ORIGIN)).toBe(messageId({ ...ORIGIN }));
    expect(messageId(ORIGIN)).toBe("msg_qnag4przq5y93faxt7ceenydtn3234fs7mrsdes30e31kxe5v6mg");
  });

  it("has the form of an id and does not show the sender", () => {
    expect(isId("msg", messageId(ORIGIN))).toBe(true);
    expect(messageId(ORIGIN)).not.toContain("boss");
  });

  it("differs when any part differs, also where parts could run into each other", () => {
    const part = fc.string({ unit: fc.constantFrom("a", '"', ",", "\\", "\u0000") });
    const origin = fc.record({
      tenant: part.map((text) => `ten_${text}` as const),
      mailbox: part.map((text) => `mbx_${text}` as const),
      digest: part,
      sender: part,
    });
    fc.assert(
      fc.property(origin, origin, (one, other) => {
        expect(messageId(one) === messageId(other)).toBe(JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});
