import { channelText } from "./channel-text.ts";
import type { Mailbox } from "./mailbox-id.ts";
import { warningFields, type Warning } from "./policy-warnings.ts";
import { formatFields } from "./table.ts";
import { formatTime } from "./time.ts";

const STOPPED = {
  tenant: "nothing leaves: all of the tenant is stopped (`postern start --tenant`)",
  agent: "nothing leaves: its agent is stopped (`postern start --agent`)",
  mailbox: "nothing leaves: it is stopped (`postern start --mailbox`)",
} as const;

/** `warnings`: of a change that was just made. */
export function formatMailbox(mailbox: Mailbox, cells: number | null, warnings: readonly Warning[] = []): string {
  const { policy } = mailbox;
  const fields: [string, string | null][] = [
    ["id", mailbox.id],
    ["address", mailbox.address],
    ["aliases", mailbox.aliases.length === 0 ? null : mailbox.aliases.join(" ")],
    ["agent", mailbox.agent_id],
    ["stopped", mailbox.stopped_by === null ? null : STOPPED[mailbox.stopped_by]],
    ["mode", mailbox.oversight_mode],
    ["copies to", mailbox.oversight_address],
    ["policy", policy === null ? "none: everything is refused" : `version ${policy.version} (${policy.digest})`],
    ["channels", ["pull", ...mailbox.channels.map(channelText)].join("; ")],
    ["created", formatTime(mailbox.created_at)],
    ...warningFields(warnings),
  ];
  return formatFields(fields, cells);
}
