import { setTimeout as sleep } from "node:timers/promises";
import { InvalidArgumentError, Option, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import type { Client, Query } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { spaced } from "./decision-text.ts";
import { mailboxId } from "./mailbox-id.ts";
import type { Page } from "./paging.ts";
import { otherSide, type Pending } from "./pending-text.ts";
import type { Session } from "./session.ts";
import { printable, printableJson } from "./text.ts";
import { shortTime } from "./time.ts";

interface WatchOptions extends OptionValues {
  readonly mailbox?: string;
  readonly direction?: string;
  readonly interval: number;
}

/** Pages of 200 that are looked through each time, newest first. */
const MOST_PAGES = 5;

export function addWatch(cli: Cli, group: Cli["program"]): void {
  addCommand<[], WatchOptions>(cli, group, {
    usage: "watch",
    summary: "show what waits, and then whatever comes",
    about:
      "Until it is interrupted. Says so as well when a draft is edited and when one is reminded of or escalated. With --json one document a line. " +
      `Looks at the newest ${MOST_PAGES * 200}.`,
    options: (command) =>
      command
        .option("--mailbox <mailbox>", "id or address (default: all that the key sees)")
        .addOption(new Option("--direction <direction>", "only this way").choices(["inbound", "outbound"]))
        .option("--interval <seconds>", "how often to look, 1 to 3600", parseInterval, 5),
    examples: ["pending watch", "pending watch --direction outbound --interval 30 --json"],
    run: async (session, _, { mailbox, direction, interval }) => {
      const mailbox_id = mailbox === undefined ? undefined : await mailboxId(session.http, mailbox);
      await watch(session, { mailbox_id, direction, limit: 200 }, interval * 1000);
    },
  });
}

async function watch(session: Session, query: Query, everyMs: number): Promise<void> {
  const stop = new AbortController();
  const unlisten = session.deps.onSignal(() => stop.abort());
  try {
    let seen: Seen = new Map();
    session.note("watching what waits; interrupt (Ctrl-C) to end");
    while (!stop.signal.aborted) {
      seen = await look(session, query, seen);
      await pause(everyMs, stop.signal);
    }
  } finally {
    unlisten();
  }
}

/** What was shown of each, by id. */
type Seen = ReadonlyMap<string, Pending>;

async function look(session: Session, query: Query, seen: Seen): Promise<Seen> {
  const waiting = await newestWaiting(session, query);
  if (waiting === null) return seen;
  // Oldest first, as it came.
  for (const item of waiting.toReversed()) {
    const what = newsOf(item, seen.get(item.id));
    if (what !== null) tell(session, what, item);
  }
  return new Map(waiting.map((item) => [item.id, item]));
}

type News = "waits" | "edited" | "waits again" | "reminder" | "escalated";

function newsOf(now: Pending, before: Pending | undefined): News | null {
  if (before === undefined) return "waits";
  if (now.escalated_at !== null && now.escalated_at !== before.escalated_at) return "escalated";
  if (now.reminded_at !== null && now.reminded_at !== before.reminded_at) return "reminder";
  if (now.content_hash !== before.content_hash) return "edited";
  return now.created_at !== before.created_at ? "waits again" : null;
}

/** Null: not now. A service that is being restarted is waited for; a key that may not look ends the watch. */
async function newestWaiting({ http, note }: Session, query: Query): Promise<readonly Pending[] | null> {
  try {
    return await allPages(http, query);
  } catch (error) {
    if (!(error instanceof PosternError) || !error.temporary) throw error;
    note(`${error.message}; looking again`);
    return null;
  }
}

async function allPages(http: Client, query: Query): Promise<readonly Pending[]> {
  const found: Pending[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items, next_cursor } = await http.get<Page<Pending>>("/v1/pending", { ...query, cursor });
    found.push(...items);
    if (next_cursor === null) break;
    cursor = next_cursor;
  }
  return found;
}

function tell({ deps, json, paint }: Session, what: News, item: Pending): void {
  if (json) return deps.stdout.write(`${printableJson({ event: what.replaceAll(" ", "_"), ...item }, 0)}\n`);
  const side = `${item.direction === "outbound" ? "to" : "from"} ${otherSide(item)}`;
  const line = `${shortTime(item.created_at)}  ${item.id}  ${spaced(item.reason)}`;
  deps.stdout.write(
    `${paint("yellow", what.padEnd("waits again".length))}  ${printable(line)}\n  ${printable(`${side}: ${item.subject}`)}\n`,
  );
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function parseInterval(text: string): number {
  const seconds = Number(text);
  if (!/^\d{1,4}$/.test(text) || seconds < 1 || seconds > 3600) throw new InvalidArgumentError("give whole seconds from 1 to 3600");
  return seconds;
}
