import type { Answer } from "../gate.ts";
import { messageId } from "../message-id.ts";
import type { MessageId } from "../model/ids.ts";
import type { InboundInput, MessageRef } from "../model/message.ts";
import type { IntakeDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Route } from "./recipient.ts";
import type { Arrival } from "./settle.ts";

/** The judgement of one mailbox's copy. */
export interface Judged {
  readonly message: MessageId;
  readonly answer: Answer;
}

export interface Judgement extends Arrival {
  readonly ref: MessageRef;
  readonly received_at: number;
  /** How many at once; at least 1. */
  readonly width: number;
  /** On the clock of `performance.now()`, for all of them. */
  readonly deadline: number;
}

/** Asks the gate for every route, one per mailbox, in their order. What is not reached in time is deferred, never guessed. */
export async function judge(deps: Pick<IntakeDeps, "gate" | "log">, judgement: Judgement): Promise<readonly [Judged, ...Judged[]]> {
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

async function ask({ gate, log }: Pick<IntakeDeps, "gate" | "log">, input: InboundInput, remainingMs: number): Promise<Answer> {
  if (remainingMs <= 0) return { kind: "deferred", reason: "no_answer" };
  try {
    return await gate.receive(input, remainingMs);
  } catch (error) {
    log.error({ message: input.message, fault: faultCode(error) }, "judgement failed");
    return { kind: "deferred", reason: "unavailable" };
  }
}

function inputFor({ tenant, mailbox, recipient }: Route, { ref, envelope, source, attested, received_at }: Judgement): InboundInput {
  const message = messageId({ tenant, mailbox, digest: ref.digest, sender: envelope.sender, source });
  const stated = attested === undefined ? {} : { attested };
  return { tenant, mailbox, message, ref, envelope: { ...envelope, recipient }, received_at, source, ...stated };
}
