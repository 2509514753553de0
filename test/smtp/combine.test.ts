import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Judged } from "../../src/intake/judge.ts";
import { verdictOf } from "../../src/intake/verdict.ts";
import { combine } from "../../src/smtp/combine.ts";
import { anyAnswer, decided } from "./decisions.ts";

const anyJudged: fc.Arbitrary<Judged> = anyAnswer.map((answer) => ({ message: "msg_0000000000000000" as const, answer }));
const several = fc
  .tuple(anyJudged, fc.array(anyJudged, { maxLength: 8 }))
  .map(([first, rest]) => [first, ...rest] as [Judged, ...Judged[]]);

describe("one reply for all recipients", () => {
  it("any deferred defers all, all refused refuses, otherwise accepts", () => {
    fc.assert(
      fc.property(several, (judged) => {
        const verdicts = judged.map(({ answer }) => verdictOf(answer));
        const { verdict, reply } = combine(judged);
        const expected = verdicts.includes("deferred")
          ? ["deferred", 451]
          : verdicts.includes("accepted")
            ? ["accepted", 250]
            : ["refused", 550];
        expect([verdict, reply.code]).toEqual(expected);
      }),
    );
  });

  it("the order of recipients does not change the verdict", () => {
    fc.assert(
      fc.property(several, (judged) => {
        expect(combine(judged.toReversed() as unknown as typeof judged).verdict).toBe(combine(judged).verdict);
      }),
    );
  });

  it("names the message that was accepted, not one that was refused beside it", () => {
    const refused = { message: "msg_0000000000000001", answer: decided("rejected_at_policy") } as const;
    const accepted = { message: "msg_0000000000000002", answer: decided("delivered") } as const;
    expect(combine([refused, accepted]).reply.text).toContain(accepted.message);
  });
});
