import { readFile } from "node:fs/promises";
import { createClient, type Client } from "../../cli/client.ts";
import { formatTable, type Column } from "../../cli/table.ts";
import type { Running } from "../../serve.ts";
import { exists, write, type DemoFiles } from "./files.ts";
import { ensureDraft } from "./draft.ts";
import { draftHints, hints, type Gate } from "./hints.ts";
import { demoMailbox, runDemo, type DemoRow } from "./run.ts";

const COLUMNS: readonly Column<DemoRow>[] = [
  { title: "MAIL", value: ({ what }) => what },
  { title: "SENDER WAS TOLD", value: ({ told }) => told, min: 9 },
  { title: "OUTCOME", value: ({ outcome }) => outcome },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "STAGE", value: ({ stage }) => stage },
  { title: "CAPABILITIES", value: ({ capabilities }) => capabilities, min: 12 },
];

/** Runs the demo the first time, then says what to try. `where`: the rest of what another terminal must know. */
export async function showDemo(
  files: DemoFiles,
  running: Running,
  where: Pick<Gate, "dataDir" | "temporal">,
  out: NodeJS.WriteStream,
): Promise<void> {
  const client = clientOf(running);
  if (!(await exists(files.done))) {
    const rows = await runDemo(files, client, running.smtp);
    out.write(`\n${formatTable(COLUMNS, rows, out.isTTY ? out.columns : null)}\n`);
    await write(files.done, "");
  }
  const gate = { smtp: running.smtp, http: running.http, ...where };
  out.write(`\n${hints(gate)}\n`);
  const mailbox = await demoMailbox(client);
  const draft = await ensureDraft(files, client, agentOf(files, running), mailbox);
  if (draft?.status === "pending_send_approval") out.write(`\n${draftHints(draft.id, files, mailbox, gate)}\n`);
}

function agentOf({ agentKey }: DemoFiles, { http }: Running): Client {
  return createClient({ url: http, key: async () => (await readFile(agentKey, "utf8")).trim(), fetch });
}

function clientOf({ http, adminKey }: Running): Client {
  const key = async () =>
    adminKey.from === "file" ? (await readFile(adminKey.path, "utf8")).trim() : (process.env["POSTERN_ADMIN_KEY"] ?? "");
  return createClient({ url: http, key, fetch });
}
