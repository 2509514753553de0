import { basename, dirname } from "node:path";
import type { CaseResult } from "../../policies/cases.ts";
import type { MailPolicy } from "../../policies/schema.ts";
import { PosternError } from "../model/errors.ts";
import type { Files } from "./deps.ts";

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
  const [{ parseCases, runCases }, { policyDigest }, { runGuards }] = await Promise.all([
    import("../../policies/cases.ts"),
    import("../../policies/load.ts"),
    import("../guards/index.ts"),
  ]);
  const cases = parseCases((await files.read(path)).toString("utf8"));
  const own = cases.filter((one) => one.policy === undefined || one.policy === basename(policyFile));
  const results = runCases(policy, policyDigest(policy), own, runGuards);
  return { results: results.map((result) => ({ ...result, file: basename(path) })), others: cases.length - own.length };
}
