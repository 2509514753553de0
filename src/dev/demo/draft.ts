import type { Client } from "../../cli/client.ts";
import { exists, write, type DemoFiles } from "./files.ts";
import { SCENES } from "./letters.ts";

/** What the assistant answers to the first mail of the demo. */
const ANSWER = {
  markdown: "Thursday suits me. I have put lunch with Grace down as **tentative**; shall I book a table for two?",
};

interface Draft {
  readonly id: string;
  readonly status: string;
}

/** The assistant's answer to the boss, which waits for a person; once. Null: there is nothing to answer. */
export async function ensureDraft(files: DemoFiles, client: Client, agent: Client, mailbox: string): Promise<Draft | null> {
  if (!(await exists(files.overseerKey))) await makeOverseerKey(files, client);
  const { items: drafts } = await client.get<{ items: Draft[] }>(`/v1/mailboxes/${mailbox}/drafts`);
  const known = drafts.at(-1);
  if (known !== undefined) return known;
  const { items } = await agent.get<{ items: { id: string; subject: string }[] }>(`/v1/mailboxes/${mailbox}/messages`, { limit: 200 });
  const first = items.find(({ subject }) => subject === SCENES[0]?.letter.subject);
  return first === undefined ? null : agent.send<Draft>("POST", `/v1/messages/${first.id}/reply`, ANSWER);
}

/** whoever may send may not approve, so people have a key of their own. */
async function makeOverseerKey(files: DemoFiles, client: Client): Promise<void> {
  const { key } = await client.send<{ key: string }>("POST", "/v1/keys", { name: "demo overseer", scopes: ["oversight"] });
  await write(files.overseerKey, `${key}\n`);
}
