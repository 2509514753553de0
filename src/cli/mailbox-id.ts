import type { Channel } from "./channel-text.ts";
import type { Client } from "./client.ts";
import { isId } from "../model/ids.ts";
import { PosternError } from "../model/errors.ts";
import type { Page } from "./paging.ts";

export interface Mailbox {
  readonly id: string;
  readonly address: string;
  readonly aliases: readonly string[];
  readonly agent_id: string;
  readonly oversight_mode: string;
  readonly oversight_address: string | null;
  readonly policy: { readonly id: string; readonly version: number; readonly digest: string } | null;
  readonly stopped_by: "tenant" | "agent" | "mailbox" | null;
  readonly channels: readonly Channel[];
  readonly created_at: string;
}

/** Pages of 200 that are looked through for an address. */
const MOST_PAGES = 50;

/** A mailbox argument: an id as it is, an address or alias looked up among the mailboxes the key may see. */
export async function mailboxId(http: Client, text: string): Promise<string> {
  if (isId("mbx", text)) return text;
  if (!text.includes("@")) throw notMailbox(text);
  const wanted = text.toLowerCase();
  for await (const mailbox of visibleMailboxes(http)) {
    if (mailbox.address === wanted || mailbox.aliases.includes(wanted)) return mailbox.id;
  }
  throw new PosternError("not_found", `no mailbox \`${text}\` that this key may see`, { fix: "see `postern mailbox list`" });
}

/** The one named, else the only one there is. */
export async function chosenMailbox(http: Client, text: string | undefined): Promise<string> {
  if (text !== undefined) return mailboxId(http, text);
  const { items, next_cursor } = await http.get<Page<Mailbox>>("/v1/mailboxes", { limit: 2 });
  const [only, other] = items;
  if (only === undefined) throw new PosternError("not_found", "there is no mailbox yet", { fix: "make one with `postern mailbox create`" });
  if (other !== undefined || next_cursor !== null) {
    throw new PosternError("invalid_request", "there are several mailboxes", {
      fix: "say which: `--mailbox ID|ADDRESS`, see `postern mailbox list`",
    });
  }
  return only.id;
}

async function* visibleMailboxes(http: Client): AsyncIterable<Mailbox> {
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const { items, next_cursor } = await http.get<Page<Mailbox>>("/v1/mailboxes", { limit: 200, cursor });
    yield* items;
    if (next_cursor === null) return;
    cursor = next_cursor;
  }
}

function notMailbox(text: string): PosternError {
  return new PosternError("invalid_request", `\`${text}\` is neither a mailbox id nor an address`, {
    fix: "write `mbx_…` or `name@domain`, see `postern mailbox list`",
  });
}
