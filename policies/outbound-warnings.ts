import type { Problem } from "../src/model/errors.ts";
import { recipientList } from "./recipients.ts";
import type { OutboundRules } from "./schema.ts";
import { when } from "./wording.ts";

/** Entries named one by one; who has more of one kind sees what is meant. */
const MOST_ENTRIES = 20;

/** What the outbound section permits and rarely means. */
export function outboundWarnings(rules: OutboundRules): readonly Problem[] {
  return [...listWarnings(rules), ...capWarnings(rules), ...approvalWarnings(rules), ...modeWarnings(rules)];
}

function listWarnings({ allow = ["*"], block }: OutboundRules): readonly Problem[] {
  const blocked = recipientList(block);
  const useless = allow.flatMap((entry, index) =>
    when(
      blocked.covers(entry),
      `outbound.allow[${index}]`,
      `allows \`${entry}\`, which \`outbound.block\` refuses; fix: remove it from one of the two`,
    ),
  );
  return [
    ...when(allow.length === 0, "outbound.allow", "names nobody: every draft is blocked; fix: name whom the agent may write to"),
    ...when(
      allow.length > 1 && allow.includes("*"),
      "outbound.allow",
      "has `*` beside other entries, which then say nothing; fix: remove `*`, or all the others",
    ),
    ...(block.includes("*")
      ? when(true, "outbound.block", "has `*`: every draft is blocked; fix: use `maxMode: read_only` to say so, or remove it")
      : useless.slice(0, MOST_ENTRIES)),
  ];
}

function capWarnings({ perHour, perDay }: OutboundRules): readonly Problem[] {
  return when(
    perHour > perDay,
    "outbound.perHour",
    `is more than \`perDay: ${perDay}\`, so it never counts; fix: lower it, or raise \`perDay\``,
  );
}

function approvalWarnings({ approvals }: OutboundRules): readonly Problem[] {
  return [
    ...when(
      approvals.trustNamespace,
      "outbound.approvals.trustNamespace",
      "lets whoever may write to the Temporal namespace approve drafts without a key; fix: remove it, and approve with `postern pending approve`",
    ),
    ...when(
      approvals.quorum > 1 && approvals.approvers === undefined,
      "outbound.approvals.quorum",
      `asks for ${approvals.quorum} approvals and names nobody: a draft expires where there are fewer oversight keys; fix: name \`approvers\``,
    ),
  ];
}

function modeWarnings({ maxMode, firstContact }: OutboundRules): readonly Problem[] {
  return [
    ...when(
      maxMode === "autonomous",
      "outbound.maxMode",
      "is the loosest mode and lowers nothing; fix: remove it, and set the mode of the mailbox",
    ),
    ...when(
      firstContact !== undefined && (maxMode === "gated_send" || maxMode === "gated_all" || maxMode === "read_only"),
      "outbound.firstContact",
      `adds nothing under \`maxMode: ${maxMode}\`, which lets no draft pass by itself; fix: remove one of the two`,
    ),
  ];
}
