import type { z } from "zod";
import { PosternError } from "../src/model/errors.ts";
import type { Problem } from "../src/model/errors.ts";

/** Shown at once, and looked at: a hostile document has a million. */
export const MAX_PROBLEMS = 100;

/** Every problem of a document with path, value and fix, the first also in the message. */
export function invalidDocument(what: string, problems: readonly Problem[]): PosternError {
  const [first] = problems;
  const [said = "is invalid", fix = "correct the document"] = first?.message.split("; fix: ") ?? [];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new PosternError("invalid_policy", `the ${what} is invalid: \`${first?.path ?? what}\` ${said}${more}`, {
    fix,
    problems: problems.slice(0, MAX_PROBLEMS),
  });
}

/** zod issues as problems, one a path and key; `root` names the document itself. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], root: string): readonly Problem[] {
  const byPath = new Map<string, Problem>();
  for (const problem of issues.slice(0, MAX_PROBLEMS).flatMap((issue) => problemsOfIssue(issue, root))) {
    if (!byPath.has(problem.path)) byPath.set(problem.path, problem);
  }
  return [...byPath.values()];
}

function problemsOfIssue(issue: z.core.$ZodIssue, root: string): readonly Problem[] {
  if (issue.code !== "unrecognized_keys") return [{ path: formatPath(issue.path, root), message: issue.message }];
  const messages = issue.message.split("\n");
  return issue.keys.slice(0, MAX_PROBLEMS).map((key, index) => ({
    path: formatPath([...issue.path, key], root),
    message: messages[index] ?? "is an unknown key",
  }));
}

/** `senders[2].rateLimit.perHour`. */
function formatPath(path: readonly PropertyKey[], root: string): string {
  return path.length === 0 ? root : path.map(formatStep).join("").replace(/^\./, "");
}

function formatStep(step: PropertyKey): string {
  if (typeof step === "number") return `[${step}]`;
  const key = String(step);
  return /^[A-Za-z_]\w{0,63}$/.test(key) ? `.${key}` : `[${JSON.stringify(key.slice(0, 64))}]`;
}
