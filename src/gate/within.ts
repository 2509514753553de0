import { isGrpcServiceError, ServiceError, type Client } from "@temporalio/client";
import { PosternError } from "../model/errors.ts";

const GRPC_RESOURCE_EXHAUSTED = 8;
const GRPC_FAILED_PRECONDITION = 9;
const GRPC_UNAVAILABLE = 14;

/**
 * A call to Temporal that ends within `ms`, whatever the connection does: a native one repeats what failed for some 10 s
 * and minds the deadline for each try only. What was given up on may still happen; every call here bears that.
 */
export function within<T>(client: Client, ms: number, call: () => Promise<T>): Promise<T> {
  return inTime(ms, client.withDeadline(Date.now() + ms, call));
}

export async function inTime<T>(ms: number, answer: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(unavailable("temporal does not answer in time")), ms);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function unavailable(message: string, cause?: unknown): PosternError {
  return new PosternError("unavailable", message, { temporary: true, fix: "try again in a moment", cause });
}

/** The server has too much to do at the moment. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === GRPC_RESOURCE_EXHAUSTED;
}

/** The server cannot be reached, or did not answer in time. */
export function isAway(error: unknown): boolean {
  return codeOf(error) === GRPC_UNAVAILABLE || (error instanceof PosternError && error.temporary);
}

/** A workflow is asked something while its last task is being completed. */
export function isEnding(error: unknown): boolean {
  return codeOf(error) === GRPC_FAILED_PRECONDITION;
}

/** The client's own error has the server's as its cause. */
function codeOf(error: unknown): number | null {
  const said = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(said) ? said.code : null;
}
