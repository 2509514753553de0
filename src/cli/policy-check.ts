import type { MailPolicy } from "../../policies/schema.ts";
import { PosternError } from "../model/errors.ts";
import { EXIT, type Exit } from "./exit.ts";
import { readPolicyFile } from "./policy-file.ts";
import { warningFields } from "./policy-warnings.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";

/** Offline: reads the document, then runs its cases. */
export async function checkPolicy(session: Session, file: string, _cases: string | undefined): Promise<Exit> {
  const policy = await read(session, file);
  if (policy === null) return EXIT.failure;
  const { policyDigest, warnings } = await import("../../policies/load.ts");
  const report = { file, valid: true, digest: policyDigest(policy), problems: [], warnings: warnings(policy) };
  session.print(report, () =>
    formatFields(
      [["policy", `${file} is valid`], ...summary(policy), ["digest", report.digest], ...warningFields(report.warnings)],
      session.cells,
    ),
  );
  return EXIT.ok;
}

/** Null when the document is wrong and was reported as the result. */
async function read(session: Session, file: string): Promise<MailPolicy | null> {
  try {
    return await readPolicyFile(session.deps.files, file);
  } catch (error) {
    if (!session.json || !(error instanceof PosternError) || error.code !== "invalid_policy") throw error;
    session.print({ file, valid: false, digest: null, problems: error.problems, warnings: [], cases: [] }, () => "");
    return null;
  }
}

function summary({ senders, contentGuards, defaultAction, auditLog }: MailPolicy): [string, string][] {
  return [
    ["senders", `${senders.length} ${senders.length === 1 ? "rule" : "rules"}, everybody else: ${defaultAction}`],
    ["patterns", String(contentGuards.length)],
    ["audit", `details kept ${auditLog.retentionDays} days`],
  ];
}
