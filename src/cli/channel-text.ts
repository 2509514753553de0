/** A channel as the HTTP door shows it. */
export type Channel =
  | { readonly kind: "webhook"; readonly webhook_id: string }
  | {
      readonly kind: "workflow";
      readonly type: string;
      readonly task_queue: string;
      readonly id_per: "thread" | "message";
      readonly key_id?: string;
    };

/** `type@queue` as `mailbox channels` takes it. */
export function channelText(channel: Channel): string {
  if (channel.kind === "webhook") return `webhook ${channel.webhook_id}`;
  const sends = channel.key_id === undefined ? "" : `, sends with ${channel.key_id}`;
  return `workflow ${channel.type}@${channel.task_queue} per ${channel.id_per}${sends}`;
}
