import { z } from "@hono/zod-openapi";
import { CHANNEL_LIMITS, channelKey, isOwnWorkflow, type Channel, type WorkflowChannel } from "../model/channel.ts";
import { PosternError, type Problem } from "../model/errors.ts";
import { isId } from "../model/ids.ts";
import type { UnfitChannel } from "../store/contract-channels.ts";

/** Visible ASCII and spaces: it is shown in lists and logs. */
const Name = z
  .string()
  .min(1)
  .max(CHANNEL_LIMITS.nameCharacters)
  .regex(/^[\x20-\x7e]*$/, "must be visible ASCII characters");

const WEBHOOK_EXAMPLE = { kind: "webhook" as const, webhook_id: "whk_3p5r7t9v1x3z5b7d9f1h3k5m" };

const WebhookChannelJson = z
  .strictObject({ kind: z.literal("webhook"), webhook_id: z.string().max(80).openapi({ description: "Of `POST /v1/webhooks`." }) })
  .openapi("WebhookChannel", { example: WEBHOOK_EXAMPLE });

const WorkflowChannelJson = z
  .strictObject({
    kind: z.literal("workflow"),
    type: Name.openapi({ description: "Workflow type, on a worker of yours." }),
    task_queue: Name,
    id_per: z
      .enum(["thread", "message"])
      .openapi({ description: "One workflow a thread, which hears the conversation, or one a message." }),
    key_id: z
      .string()
      .max(80)
      .optional()
      .openapi({ description: "Key with the scope `send` in whose name it sends. Left out: it may not." }),
  })
  .openapi("WorkflowChannel", {
    example: { kind: "workflow", type: "schedulingAgent", task_queue: "agents", id_per: "thread", key_id: "key_2n4p6r8t0v1x3z5b7d9f1h3k" },
  });

/** How mail reaches an agent beside pull, which is always on. */
export const ChannelJson = z
  .discriminatedUnion("kind", [WebhookChannelJson, WorkflowChannelJson])
  .openapi("Channel", { example: WEBHOOK_EXAMPLE });

export const ChannelsJson = z.array(ChannelJson).max(CHANNEL_LIMITS.perMailbox);

/** All of them at once: what is left out is taken off. */
export function channelsIn(wanted: z.infer<typeof ChannelsJson>): readonly Channel[] {
  return wanted.map(channelOf);
}

/** Why the store does not take these. */
export function channelProblem({ refused, channel: index }: UnfitChannel, channels: readonly Channel[]): PosternError {
  const channel = channels[index];
  if (refused === "webhook_unknown") return noWebhook(index, channel?.kind === "webhook" ? channel.webhook_id : "");
  const key = channel?.kind === "workflow" ? (channel.key_id ?? "") : "";
  return noKey(index, `\`${key}\` is no living key with the scope \`send\` that sees this mailbox`);
}

function noWebhook(index: number, text: string): PosternError {
  return invalid(`channels[${index}].webhook_id`, `there is no webhook \`${text}\``, "make one with `POST /v1/webhooks`");
}

function noKey(index: number, message: string): PosternError {
  return invalid(`channels[${index}].key_id`, message, "make one with `POST /v1/keys` or `postern key create`, and give its id");
}

function channelOf(given: z.infer<typeof ChannelJson>, index: number, all: readonly z.infer<typeof ChannelJson>[]): Channel {
  const channel = given.kind === "webhook" ? webhookChannel(given, index) : workflowChannel(given, index);
  if (all.slice(0, index).some((earlier) => channelKey(earlier as Channel) === channelKey(channel))) {
    throw invalid(`channels[${index}]`, "the same channel is named twice", "name each once");
  }
  return channel;
}

function webhookChannel({ kind, webhook_id }: z.infer<typeof WebhookChannelJson>, index: number): Channel {
  if (!isId("whk", webhook_id)) throw noWebhook(index, webhook_id);
  return { kind, webhook_id };
}

function workflowChannel({ key_id, ...named }: z.infer<typeof WorkflowChannelJson>, index: number): WorkflowChannel {
  if (isOwnWorkflow(named.type))
    throw invalid(`channels[${index}].type`, `\`${named.type}\` is a workflow of Postern's own`, "name one of yours");
  if (key_id === undefined) return named;
  // A key itself in the place of its id is not said again: it would end in a log.
  if (!isId("key", key_id))
    throw noKey(index, key_id.startsWith("pst_") ? "this is a key, not the id of one" : `there is no key \`${key_id}\``);
  return { ...named, key_id };
}

function invalid(path: Problem["path"], message: string, fix: string): PosternError {
  return new PosternError("invalid_request", message, { fix, problems: [{ path, message }] });
}

export function channelJson(channel: Channel): z.infer<typeof ChannelJson> {
  return { ...channel };
}
