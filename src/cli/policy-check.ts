import type { MailPolicy } from "../../policies/schema.ts";
import { PosternError } from "../model/errors.ts";
import { EXIT, type Exit } from "./exit.ts";
import { runCaseFiles, type CasesReport } from "./policy-cases.ts";
import { readPolicyFile } from "./policy-file.ts";
import { warningFields } from "./policy-warnings.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";

/** Offline: reads the document, then runs its cases. */
export async function checkPolicy(session: Session, file: string, pattern: string | undefined): Promise<Exit> {
  try {
    return await check(session, file, pattern);
  } catch (error) {
    // With --json a wrong document is the result of the check, not a failure to check.
    if (!session.json || !(error instanceof PosternError) || error.code !== "invalid_policy") throw error;
    session.print({ file, valid: false, digest: null, problems: problemsOf(error), warnings: [], cases: [], others: 0 }, () => "");
    return EXIT.failure;
  }
}

async function check(session: Session, file: string, pattern: string | undefined): Promise<Exit> {
  const { files } = session.deps;
  const policy = await readPolicyFile(files, file);
  const cases = await runCaseFiles(files, file, policy, pattern);
  const { policyDigest, warnings } = await import("../../policies/load.ts");
  const report = {
    file,
    valid: true,
    digest: policyDigest(policy),
    problems: [],
    warnings: warnings(policy),
    cases: cases.results,
    others: cases.others,
  };
  session.print(report, () => {
    const fields = [["policy", `${file} is valid`], ...summary(policy), ["digest", report.digest], ...warningFields(report.warnings), ["cases", countCases(cases)]] as const; // prettier-ignore
    return [formatFields(fields, session.cells), ...failures(session, cases)].join("\n");
  });
  return cases.results.every(({ passed }) => passed) ? EXIT.ok : EXIT.failure;
}

function problemsOf({ message, problems }: PosternError): PosternError["problems"] {
  return problems.length === 0 ? [{ path: "policy", message }] : problems;
}

function summary({ senders, contentGuards, defaultAction, auditLog }: MailPolicy): [string, string][] {
  return [
    ["senders", `${senders.length} ${senders.length === 1 ? "rule" : "rules"}, everybody else: ${defaultAction}`],
    ["patterns", String(contentGuards.length)],
    ["audit", `details kept ${auditLog.retentionDays} days`],
  ];
}

function countCases({ results, others }: CasesReport): string {
  const failed = results.filter(({ passed }) => !passed).length;
  const elsewhere = others === 0 ? "" : ` (${others} beside them are for other policies)`;
  if (results.length === 0) return `none${elsewhere}`;
  return `${results.length - failed} passed${failed === 0 ? "" : `, ${failed} failed`}${elsewhere}`;
}

function failures({ paint, cells }: Session, { results }: CasesReport): string[] {
  const failed = results.filter(({ passed }) => !passed);
  return failed.flatMap(({ name, file, differences }) => [
    `${paint("red", "✗")} ${formatFields([[name, `(${file})`]], cells)}`,
    ...differences.map((difference) => formatFields([["   ", difference]], cells)),
  ]);
}
