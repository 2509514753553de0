import type { Answer } from "../gate.ts";
import { verdictOf } from "../intake/verdict.ts";
import type { Violation } from "../mail/reader.ts";
import type { MessageId } from "../model/ids.ts";

/** RFC 5321 §4.2 code, RFC 3463 enhanced code, and text. A sender is never told which guard or rule fired (DESIGN §7). */
export interface Reply {
  readonly code: number;
  readonly enhanced: string;
  readonly text: string;
}

/** What the door says by itself. */
export const REPLY = {
  peerBusy: { code: 421, enhanced: "4.7.0", text: "too many connections from your address, try again later" },
  full: { code: 421, enhanced: "4.3.2", text: "too many connections, try again later" },
  tooManyErrors: { code: 421, enhanced: "4.7.0", text: "too many protocol errors, closing" },
  tooManyCommands: { code: 421, enhanced: "4.7.0", text: "too many commands without a message, closing" },
  lineTooLong: { code: 421, enhanced: "4.5.2", text: "command line too long, closing" },
  closing: { code: 421, enhanced: "4.3.2", text: "shutting down, try again later" },
  noSpace: { code: 451, enhanced: "4.3.1", text: "not enough storage, try again later" },
  unavailable: { code: 451, enhanced: "4.3.1", text: "temporarily unavailable, try again later" },
  lookupFailed: { code: 451, enhanced: "4.3.0", text: "recipient cannot be looked up now, try again later" },
  busy: { code: 451, enhanced: "4.3.2", text: "too many messages being processed, try again later" },
  undecided: { code: 451, enhanced: "4.7.1", text: "message cannot be decided on now, try again later" },
  unknownRecipient: { code: 550, enhanced: "5.1.1", text: "no such mailbox here" },
  otherOwner: { code: 452, enhanced: "4.5.3", text: "recipient takes its own message, send to it separately" },
  unknownParameter: { code: 555, enhanced: "5.5.4", text: "parameter not supported" },
  notAscii: { code: 553, enhanced: "5.6.7", text: "address must be ascii, smtputf8 is not supported" },
  fault: { code: 451, enhanced: "4.3.0", text: "internal error, try again later" },
} as const satisfies Record<string, Reply>;

export function formatReply(reply: Reply): string {
  return `${reply.code} ${reply.enhanced} ${reply.text}`;
}

export function tooBig(size: number): Reply {
  return { code: 552, enhanced: "5.3.4", text: `message exceeds the maximum size of ${size} bytes` };
}

export function replyToViolation(violation: Violation): Reply {
  return { code: violation.code, enhanced: violation.enhanced, text: violation.text };
}

/** `delivered`, `held`, `quarantined` and `discarded` read the same: what becomes of accepted mail is not the sender's to know. */
export function replyTo(answer: Answer, message: MessageId, accepted: "2.0.0" | "2.1.5" = "2.0.0"): Reply {
  switch (verdictOf(answer)) {
    case "accepted":
      return { code: 250, enhanced: accepted, text: `accepted as ${message}` };
    case "refused":
      return { code: 550, enhanced: "5.7.1", text: `refused by the recipient's policy, reference ${message}` };
    case "deferred":
      return deferral(answer);
  }
}

function deferral(answer: Answer): Reply {
  if (answer.kind === "decided") return REPLY.undecided;
  switch (answer.reason) {
    case "dns_unavailable":
    case "on_limit":
    case "no_answer":
      return REPLY.undecided;
    case "busy":
      return REPLY.busy;
    case "unavailable":
      return REPLY.unavailable;
    default:
      return answer.reason satisfies never;
  }
}
