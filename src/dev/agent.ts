// An agent behind the gate: pulls what was delivered, acts within the capabilities of each mail, reports its cost.
import { readFile } from "node:fs/promises";

const url = process.env["POSTERN_URL"] ?? "http://127.0.0.1:8025";
const data = process.env["POSTERN_DATA"] ?? ".postern";
const key = process.env["POSTERN_KEY"] ?? (await readFile(`${data}/demo/agent.key`, "utf8")).trim();

interface Mail {
  readonly id: string;
  readonly from: string;
  readonly subject: string;
  readonly text: string;
  readonly grant: string;
}

async function call(method: string, path: string, body?: object): Promise<any> {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const response = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  if (response.status >= 400 && response.status !== 403) throw new Error(`${method} ${path}: ${response.status}`);
  return response.json();
}

// A tool asks the gate, not the model, whether this mail may use it.
async function may(mail: Mail, capability: string): Promise<boolean> {
  return (await call("POST", "/v1/grants/check", { grant: mail.grant, capability })).allowed === true;
}

async function act(mail: Mail): Promise<string> {
  if (await may(mail, "confirm_meeting")) return "books a meeting"; // here the model reads mail.text and calls its calendar tool
  if (await may(mail, "ingest_conflict_notice")) return "notes a conflict";
  return "does nothing";
}

const mailbox = (await call("GET", "/v1/mailboxes")).items[0];
console.log(`waiting for mail to ${mailbox.address}`);
let after = "";
for (;;) {
  const next = await call("GET", `/v1/mailboxes/${mailbox.id}/wait?timeout_s=30${after && `&after=${after}`}`);
  if (next.cursor) after = next.cursor;
  if (next.type !== "message") continue;
  console.log(`${next.message.from}: ${next.message.subject} -> ${await act(next.message)}`);
  await call("POST", `/v1/messages/${next.message.id}/usage`, { tokens_consumed: 100 });
}
