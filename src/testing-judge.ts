import type { z } from "zod";
import { inboundCase, verdictOfCase } from "../policies/inbound-cases.ts";
import type { InboundVerdict } from "../policies/inbound.ts";
import { problemsOf } from "../policies/problems.ts";
import type { MailPolicy } from "../policies/schema.ts";
import { PosternError } from "./model/errors.ts";

type CaseInput = z.input<typeof inboundCase>;

/** Who wrote and what was verified of it; `message` is looked at by every guard. As in a `*.case.json`. */
export type TestFacts = CaseInput["facts"] & Pick<CaseInput, "message">;

/**
 * What a policy says of a mail, without an instance. Limits need a history and come after it: `delivered` is "admitted, if
 * they allow". Throws `invalid_request` for facts that are none.
 */
export function judge(policy: MailPolicy, { message, ...facts }: TestFacts): InboundVerdict {
  const open = { name: "judge", expect: { outcome: "delivered", reason: "" } };
  const read = inboundCase.safeParse({ ...open, facts, ...(message === undefined ? {} : { message }) });
  if (read.success) return verdictOfCase(policy, read.data);
  const problems = problemsOf(read.error.issues, "facts");
  throw new PosternError("invalid_request", problems.map(({ path, message: why }) => `${path}: ${why}`).join("\n"), { problems });
}
