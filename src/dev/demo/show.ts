import { readFile } from "node:fs/promises";
import { createClient, type Client } from "../../cli/client.ts";
import { formatTable, type Column } from "../../cli/table.ts";
import type { Running } from "../../serve.ts";
import { exists, write, type DemoFiles } from "./files.ts";
import { draftHints, ensureDraft } from "./draft.ts";
import { demoMailbox, runDemo, type DemoRow } from "./run.ts";
import { ASSISTANT } from "./senders.ts";

const COLUMNS: readonly Column<DemoRow>[] = [
  { title: "MAIL", value: ({ what }) => what },
  { title: "SENDER WAS TOLD", value: ({ told }) => told, min: 9 },
  { title: "OUTCOME", value: ({ outcome }) => outcome },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "STAGE", value: ({ stage }) => stage },
  { title: "CAPABILITIES", value: ({ capabilities }) => capabilities, min: 12 },
];

/** Runs the demo the first time, then says what to try. */
export async function showDemo(files: DemoFiles, running: Running, out: NodeJS.WriteStream): Promise<void> {
  const client = clientOf(running);
  if (!(await exists(files.done))) {
    const rows = await runDemo(files, client, running.smtp);
    out.write(`\n${formatTable(COLUMNS, rows, out.isTTY ? out.columns : null)}\n`);
    await write(files.done, "");
  }
  out.write(`\n${hints(files)}\n`);
  const mailbox = await demoMailbox(client);
  const draft = await ensureDraft(files, client, agentOf(files, running), mailbox);
  if (draft?.status === "pending_send_approval") out.write(`\n${draftHints(draft, files, mailbox, running.http)}\n`);
}

function agentOf({ agentKey }: DemoFiles, { http }: Running): Client {
  return createClient({ url: http, key: async () => (await readFile(agentKey, "utf8")).trim(), fetch });
}

function clientOf({ http, adminKey }: Running): Client {
  const key = async () =>
    adminKey.from === "file" ? (await readFile(adminKey.path, "utf8")).trim() : (process.env["POSTERN_ADMIN_KEY"] ?? "");
  return createClient({ url: http, key, fetch });
}

function hints({ agentKey }: DemoFiles): string {
  return `Three things to try, in another terminal:
  npm run agent                                                   an agent that gets what was delivered (its key: ${agentKey})
  npm run postern -- messages list --mailbox ${ASSISTANT}   what came in, and how it ended
  npm run demo -- bot "A conflict on Friday"                      send one more: boss, bot, stranger or impostor`;
}
