import { ApplicationFailure } from "@temporalio/common";
import { PosternError } from "../src/model/errors.ts";

/** A fault as logs and histories may know it. */
export interface Fault {
  readonly code: string;
  readonly temporary: boolean;
  /** First frame of the stack inside the product; no message, which could quote mail. */
  readonly where: string;
}

export function faultOf(error: unknown): Fault {
  if (error instanceof PosternError) return { code: error.code, temporary: error.temporary, where: frameOf(error) };
  if (error instanceof Error) return { code: error.name, temporary: false, where: frameOf(error) };
  return { code: "unknown", temporary: false, where: "" };
}

/**
 * What becomes of a message that a step failed on for good: a person decides. Not of one whose bytes are gone, as after a
 * crash between two attempts: accepting it would leave a row that nobody can read, and the sender's next attempt brings
 * the bytes along.
 */
export function failedOn({ code }: Fault): { readonly outcome: "held"; readonly reason: "guard_error" } | Gone {
  return code === "not_found" ? GONE : { outcome: "held", reason: "guard_error" };
}

type Gone = { readonly outcome: "deferred"; readonly reason: "raw_missing" };
const GONE: Gone = { outcome: "deferred", reason: "raw_missing" };

/** INVARIANT (DESIGN §9.10): a failure message is readable by whoever sees the history, so it is a code and nothing else. */
export function toFailure(error: unknown): ApplicationFailure {
  const { code } = faultOf(error);
  // What its author got wrong stays wrong, however often it is tried.
  return ApplicationFailure.create({ type: code, message: code, nonRetryable: code === "invalid_request" });
}

function frameOf(error: Error): string {
  const line = error.stack?.split("\n").find((text) => text.trimStart().startsWith("at ") && !text.includes("node_modules"));
  const file = line?.slice(line.lastIndexOf("/") + 1) ?? "";
  return file.endsWith(")") ? file.slice(0, -1) : file;
}
