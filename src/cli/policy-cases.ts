import { basename, dirname } from "node:path";
import type { PolicyCase, runCases } from "../../policies/cases.ts";
import type { MailPolicy } from "../../policies/schema.ts";
import { PosternError } from "../model/errors.ts";
import type { Files } from "./deps.ts";

type CaseResult = ReturnType<typeof runCases>[number];

/** What came of the cases of one policy. */
export interface CasesReport {
  readonly results: readonly (CaseResult & { readonly file: string })[];
  /** Cases that name another policy of the same folder. */
  readonly others: number;
}

/**
 * Runs `*.case.json` beside the policy, or what `pattern` finds from the working directory. A pattern that finds nothing
 * is an error: cases that never run would look like cases that pass.
 */
export async function runCaseFiles(
  files: Files,
  policyFile: string,
  policy: MailPolicy,
  pattern: string | undefined,
): Promise<CasesReport> {
  const paths = pattern === undefined ? await files.glob("*.case.json", dirname(policyFile)) : await files.glob(pattern, ".");
  if (pattern !== undefined && paths.length === 0) {
    throw new PosternError("invalid_request", `no case file matches \`${pattern}\``, {
      fix: "correct the pattern, in quotes so that the shell leaves it alone",
    });
  }
  const reports = await Promise.all(paths.map((path) => runFile(files, path, policyFile, policy)));
  return { results: reports.flatMap(({ results }) => results), others: reports.reduce((sum, { others }) => sum + others, 0) };
}

async function runFile(files: Files, path: string, policyFile: string, policy: MailPolicy): Promise<CasesReport> {
  const { runCases } = await import("../../policies/cases.ts");
  const cases = await readCases(files, path);
  const own = cases.filter((one) => one.policy === undefined || one.policy === basename(policyFile));
  const results = runCases(policy, own).map((result) => ({ ...result, file: basename(path) }));
  return { results, others: cases.length - own.length };
}

async function readCases(files: Files, path: string): Promise<readonly PolicyCase[]> {
  const { parseCases } = await import("../../policies/cases.ts");
  const text = (await files.read(path)).toString("utf8");
  try {
    return parseCases(text);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    const { code, message, fix, problems } = error;
    throw new PosternError(code, `\`${basename(path)}\`: ${message}`, { problems, cause: error, ...(fix === undefined ? {} : { fix }) });
  }
}
