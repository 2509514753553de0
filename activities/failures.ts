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

/** INVARIANT (DESIGN §9.10): a failure message is readable by whoever sees the history, so it is a code and nothing else. */
export function toFailure(error: unknown): ApplicationFailure {
  const { code } = faultOf(error);
  return ApplicationFailure.create({ type: code, message: code });
}

function frameOf(error: Error): string {
  const line = error.stack?.split("\n").find((text) => text.trimStart().startsWith("at ") && !text.includes("node_modules"));
  const file = line?.slice(line.lastIndexOf("/") + 1) ?? "";
  return file.endsWith(")") ? file.slice(0, -1) : file;
}
