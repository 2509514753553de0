import type { ErrorCode } from "../model/errors.ts";

/** What the process tells its caller. Stable: scripts branch on these. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  notAllowed: 4,
  notFound: 5,
  conflict: 6,
  refused: 20,
  deferred: 21,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** For `--help`. */
export const EXIT_MEANINGS: readonly (readonly [Exit, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.failure, "failed, or a check found something"],
  [EXIT.usage, "wrong command, option or value"],
  [EXIT.unreachable, "the service cannot be reached, or not now"],
  [EXIT.notAllowed, "no key, or the key may not do that"],
  [EXIT.notFound, "no such thing"],
  [EXIT.conflict, "in conflict with what is there"],
  [EXIT.refused, "receive: the message was refused (5xx)"],
  [EXIT.deferred, "receive: try the message again later (4xx)"],
];

export function exitOf(code: ErrorCode): Exit {
  switch (code) {
    case "invalid_request":
    case "payload_too_large":
      return EXIT.usage;
    case "unavailable":
    case "too_many_requests":
    case "in_flight":
      return EXIT.unreachable;
    case "unauthorized":
    case "forbidden":
    case "capability_denied":
    case "blocked":
    case "approval_refused":
    case "mode_code_required":
      return EXIT.notAllowed;
    case "not_found":
      return EXIT.notFound;
    case "conflict":
    case "already_decided":
    case "idempotency_conflict":
    case "content_hash_required":
    case "content_stale":
      return EXIT.conflict;
    case "invalid_policy":
    case "invalid_config":
    case "internal":
      return EXIT.failure;
    default:
      return code satisfies never;
  }
}
