import { channelText } from "./channel-text.ts";
import type { Mailbox } from "./mailbox-id.ts";
import { formatFields } from "./table.ts";
import { formatTime } from "./time.ts";

export function formatMailbox(mailbox: Mailbox, cells: number | null): string {
  const { policy } = mailbox;
  const fields: [string, string | null][] = [
    ["id", mailbox.id],
    ["address", mailbox.address],
    ["aliases", mailbox.aliases.length === 0 ? null : mailbox.aliases.join(" ")],
    ["agent", mailbox.agent_id],
    ["mode", mailbox.oversight_mode],
    ["copies to", mailbox.oversight_address],
    ["policy", policy === null ? "none: everything is refused" : `version ${policy.version} (${policy.digest})`],
    ["channels", ["pull", ...mailbox.channels.map(channelText)].join("; ")],
    ["created", formatTime(mailbox.created_at)],
  ];
  return formatFields(fields, cells);
}
