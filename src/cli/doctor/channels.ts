import { unpolledOf } from "../../gate/polled.ts";
import type { Client } from "../client.ts";
import type { TemporalPlace } from "../deps.ts";
import type { Mailbox } from "../mailbox-id.ts";
import type { Page } from "../paging.ts";
import { note, notLookedUp, ok, type Check, type Found } from "./check.ts";
import { openTemporal } from "./temporal.ts";

/** Task queues that are looked at. */
const MOST_QUEUES = 20;

/** Whether somebody works where workflow channels lead to. Mail that waits there is not lost, but nobody hears of it. */
export function channelsCheck(place: () => Promise<TemporalPlace | null>, http: Client): Check {
  return { name: "channels", run: () => checkChannels(place, http) };
}

async function checkChannels(place: () => Promise<TemporalPlace | null>, http: Client): Promise<Found> {
  const queues = await queuesOf(http).catch(notLookedUp);
  if ("status" in queues) return queues;
  if (queues.length === 0) return ok("none leads to a workflow");
  const temporal = await place();
  const connection = temporal === null ? null : await openTemporal(temporal);
  if (temporal === null || connection === null) return note("not looked up: Temporal does not answer");
  try {
    return foundIn(temporal.namespace, queues, await unpolledOf(connection, temporal.namespace, queues.slice(0, MOST_QUEUES)));
  } finally {
    await connection.close();
  }
}

function foundIn(namespace: string, queues: readonly string[], unpolled: readonly string[]): Found {
  const named = (some: readonly string[]): string => some.map((queue) => `\`${queue}\``).join(", ");
  if (unpolled.length === 0) return ok(`workers poll ${named(queues.slice(0, MOST_QUEUES))}`);
  return note(
    `no worker polls ${named(unpolled)} in the namespace \`${namespace}\`: mail waits there until one does`,
    "start the worker, or correct the task queue with `postern mailbox channels`",
  );
}

async function queuesOf(http: Client): Promise<readonly string[]> {
  const { items } = await http.get<Page<Mailbox>>("/v1/mailboxes", { limit: 200 });
  const channels = items.flatMap((mailbox) => mailbox.channels);
  return [...new Set(channels.flatMap((channel) => (channel.kind === "workflow" ? [channel.task_queue] : [])))];
}
