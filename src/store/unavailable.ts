import { PosternError } from "../model/errors.ts";

/** The caller may repeat the call: operations are made for that. `cause` must hold no values of rows. */
export function unavailable(message: string, cause?: unknown): PosternError {
  const detail = cause instanceof Error ? cause.message : String(cause ?? "");
  return new PosternError("unavailable", message, { temporary: true, detail, cause });
}
