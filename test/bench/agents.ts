import { Agent, request } from "node:http";
import { ADMIN_KEY } from "./instance.ts";

/** The HTTP door over kept connections, as a busy caller uses it. */
export interface Door {
  /** Rejects for anything but a 2xx. */
  call<T>(method: string, path: string, body?: object, key?: string): Promise<T>;
  close(): void;
}

export function openDoor(url: string): Door {
  // Between two rounds connections rest about as long as the door keeps them: one that may be closing is not used.
  const agent = new Agent({ keepAlive: true, agentKeepAliveTimeoutBuffer: 3_000 });
  return {
    call: (method, path, body, key = ADMIN_KEY) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? "" : JSON.stringify(body);
        const headers = { authorization: `Bearer ${key}`, ...(text === "" ? {} : { "content-type": "application/json" }) };
        const asked = request(url + path, { method, agent, headers }, (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("error", reject);
          response.on("end", () => {
            const said = Buffer.concat(chunks).toString();
            if (Math.trunc((response.statusCode ?? 0) / 100) === 2) resolve(JSON.parse(said) as never);
            else reject(new Error(`${method} ${path} was answered ${response.statusCode}: ${said}`));
          });
        });
        asked.on("error", reject);
        asked.end(text);
      }),
    close: () => agent.destroy(),
  };
}

/** A mailbox in an oversight mode without caps that matter, and its agent's key. */
export interface SendingMailbox {
  readonly id: string;
  readonly key: string;
}

const POLICY = { defaultAction: "bounce", senders: [], outbound: { perHour: 100_000, perDay: 100_000 } };

export async function openSendingMailbox(door: Door, name: string, oversight_mode: string): Promise<SendingMailbox> {
  const address = { address_local_part: name, domain: "acme.example", agent_id: name };
  const { id } = await door.call<{ id: string }>("POST", "/v1/mailboxes", address);
  await door.call("PUT", `/v1/mailboxes/${id}/policy`, POLICY);
  const { mode_code } = await door.call<{ mode_code: string }>("POST", `/v1/mailboxes/${id}/mode-code`, { oversight_mode });
  await door.call("PATCH", `/v1/mailboxes/${id}`, { oversight_mode, mode_code });
  const { key } = await door.call<{ key: string }>("POST", "/v1/keys", { name, scopes: ["read", "send"], mailboxes: [id] });
  return { id, key };
}

/** What an agent writes: some 2 KB of Markdown. */
export function letter(subject: string): object {
  return { to: ["boss@elsewhere.example"], subject, markdown: `# ${subject}\n\n${PARAGRAPHS}` };
}

const PARAGRAPHS = Array.from(
  { length: 8 },
  (_, index) =>
    `Paragraph ${index + 1}: the offer of **the supplier** is in, and [the table](https://files.acme.example/offers/${index}) has the prices. ` +
    "Delivery takes *two weeks*; the terms are those of last year, and the old contract ends with the month.\n\n- first, the quantity\n- second, the date\n",
).join("\n");
