import type { Answer } from "../gate.ts";
import { messageId } from "../message-id.ts";
import type { Envelope, InboundInput, MessageRef } from "../model/message.ts";
import type { Judged } from "./combine.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Route, Routes } from "./route.ts";

export interface Judgement {
  readonly ref: MessageRef;
  readonly envelope: Omit<Envelope, "recipient">;
  /** One per mailbox: the first recipient that reached it. */
  readonly routes: Routes;
  readonly received_at: number;
  /** How many at once; at least 1. */
  readonly width: number;
  /** On the clock of `performance.now()`, for all of them. */
  readonly deadline: number;
}

/** Asks the gate for every mailbox's copy, in the order of the routes. What is not reached in time is deferred, never guessed. */
export async function judge(deps: Pick<SmtpDeps, "gate" | "log">, judgement: Judgement): Promise<readonly [Judged, ...Judged[]]> {
  const inputs = judgement.routes.map((route) => inputFor(route, judgement));
  const { deadline } = judgement;
  const judged: Judged[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let input = inputs[next]; input !== undefined; input = inputs[next]) {
      const index = next++;
      judged[index] = { message: input.message, answer: await ask(deps, input, deadline - performance.now()) };
    }
  };
  await Promise.all(Array.from({ length: judgement.width }, worker));
  return judged as [Judged, ...Judged[]];
}

async function ask({ gate, log }: Pick<SmtpDeps, "gate" | "log">, input: InboundInput, remainingMs: number): Promise<Answer> {
  if (remainingMs <= 0) return { kind: "deferred", reason: "no_answer" };
  try {
    return await gate.receive(input, remainingMs);
  } catch (error) {
    log.error({ message: input.message, fault: faultCode(error) }, "judgement failed");
    return { kind: "deferred", reason: "unavailable" };
  }
}

function inputFor({ tenant, mailbox, recipient }: Route, { ref, envelope, received_at }: Judgement): InboundInput {
  const message = messageId({ tenant, mailbox, digest: ref.digest, sender: envelope.sender });
  return { tenant, mailbox, message, ref, envelope: { ...envelope, recipient }, received_at };
}
