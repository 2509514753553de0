import type { z } from "@hono/zod-openapi";
import type { Channel } from "../model/channel.ts";
import type { HttpDeps } from "./deps.ts";
import type { Warnings } from "./warnings.ts";

/** Set all the same: a worker may well be started after its channel. */
export async function channelWarnings({ gate, temporal }: HttpDeps, channels: readonly Channel[]): Promise<z.infer<typeof Warnings>> {
  const named = channels.flatMap((channel, index) => (channel.kind === "workflow" ? [{ index, queue: channel.task_queue }] : []));
  if (named.length === 0) return [];
  const unpolled = await gate.unpolled(named.map(({ queue }) => queue));
  return named
    .filter(({ queue }) => unpolled.includes(queue))
    .map(({ index, queue }) => ({ path: `channels[${index}].task_queue`, message: unpolledText(queue, temporal.namespace) }));
}

function unpolledText(queue: string, namespace: string): string {
  return `no worker polls the task queue \`${queue}\` in the namespace \`${namespace}\`: mail waits there until one does`;
}
