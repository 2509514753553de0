import { delimiter, dirname, resolve } from "node:path";
import type { Running } from "../../serve.ts";
import type { DemoFiles } from "./files.ts";
import { ASSISTANT } from "./senders.ts";

/** The gate as another terminal finds it. */
export interface Gate extends Pick<Running, "smtp" | "http"> {
  readonly dataDir: string;
  /** Path of the embedded server's `temporal`; null: a server of somebody else's. */
  readonly temporal: string | null;
}

/** What to try first. Every line works as it is when pasted into a shell in the same folder. */
export function hints(gate: Gate): string {
  const lines = [
    ["npm run agent", "an agent that gets what was delivered"],
    [`npm run postern -- messages list --mailbox ${ASSISTANT} --limit 100`, "what came in, and how it ended"],
    ['npm run demo -- bot "A conflict on Friday"', "send one more: boss, bot, stranger or impostor"],
  ] as const;
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    "Three things to try, in another terminal:",
    ...settingsLine(gate).map((line) => `  ${line}`),
    ...lines.map(([command, what]) => `  ${command.padEnd(width)}   # ${what}`),
  ].join("\n");
}

/** What another terminal needs first: where the gate is, if that is not what the commands take for granted. */
export function settingsLine({ smtp, http, dataDir }: Omit<Gate, "temporal">): string[] {
  const settings = [
    ["POSTERN_URL", http, "http://127.0.0.1:8025"],
    ["POSTERN_SMTP", `${smtp.host}:${smtp.port}`, "127.0.0.1:2525"],
    ["POSTERN_DATA", resolve(dataDir), resolve(".postern")],
  ] as const;
  const other = settings.filter(([, value, usual]) => value !== usual).map(([name, value]) => `${name}=${quote(value)}`);
  return other.length === 0 ? [] : [`export ${other.join(" ")}   # first: where this gate is`];
}

/** How to approve a draft, three ways. */
export function draftHints(id: string, { overseerKey }: DemoFiles, mailbox: string, { http, temporal }: Gate): string {
  const cat = `$(cat ${quote(overseerKey)})`;
  const key = `POSTERN_KEY=${cat}`;
  return `The assistant has answered the boss. Its mailbox is \`gated_send\`: nothing leaves before a person says so.
  ${key} npm run postern -- pending show ${id}
Approve it in one of three ways:
  ${key} npm run postern -- pending approve ${id}
  curl -X POST ${http}/v1/mailboxes/${mailbox}/decide/${id} -H "authorization: Bearer ${cat}" \\
       -H "content-type: application/json" -d '{"action": "approve"}'
  ${key} npm run -s postern -- pending approve ${id} --print-signal | ${shell(temporal)}   # the plain Temporal CLI, with a signed word
Then see what left: npm run postern -- sink list`;
}

/** A shell that finds the embedded server's own `temporal`, which is the CLI as well. */
function shell(temporal: string | null): string {
  if (temporal === null) return "sh";
  const folder = dirname(temporal);
  return (process.env["PATH"] ?? "").split(delimiter).includes(folder) ? "sh" : `PATH="$PATH:"${quote(folder)} sh`;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
