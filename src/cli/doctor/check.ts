import { PosternError } from "../../model/errors.ts";

/** One thing the service needs. `run` changes nothing; what it throws is a finding as well. */
export interface Check {
  readonly name: string;
  run(): Promise<Found>;
}

/** `note`: worth knowing, nothing is broken. */
export interface Found {
  readonly status: "ok" | "failed" | "note";
  readonly text: string;
  /** The way out. */
  readonly fix?: string;
}

export function ok(text: string): Found {
  return { status: "ok", text };
}

export function note(text: string, fix?: string): Found {
  return { status: "note", text, ...(fix === undefined ? {} : { fix }) };
}

export function failed(text: string, fix: string | undefined): Found {
  return { status: "failed", text, ...(fix === undefined ? {} : { fix }) };
}

/** For what only the service knows: it does not answer, or not to this key. */
export function notLookedUp(error: unknown): Found {
  if (error instanceof PosternError) return note(`not looked up: ${error.message}`);
  throw error;
}
