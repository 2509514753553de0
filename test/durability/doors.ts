import { createClient, type Client } from "../../src/cli/client.ts";
import type { Service } from "./service.ts";

/** The HTTP door of whichever process has it at each call. */
export function clientOf(service: () => Promise<Service>, key: string): Client {
  const client = async (): Promise<Client> => createClient({ url: (await service()).http, key: async () => key, fetch });
  return {
    get: async (path, query) => (await client()).get(path, query),
    send: async (method, path, body) => (await client()).send(method, path, body),
    remove: async (path) => (await client()).remove(path),
    bytes: async (path) => (await client()).bytes(path),
  };
}

/** A mailbox under a policy; resolves to its id. */
export async function makeMailbox(admin: Client, address: string, policy: object): Promise<string> {
  const [address_local_part, domain] = address.split("@");
  const { id } = await admin.send<{ id: string }>("POST", "/v1/mailboxes", { address_local_part, domain, agent_id: "assistant" });
  await admin.send("PUT", `/v1/mailboxes/${id}/policy`, policy);
  return id;
}

/** The key of an agent that may read one mailbox. */
export async function makeAgentKey(admin: Client, mailbox: string): Promise<string> {
  const { key } = await admin.send<{ key: string }>("POST", "/v1/keys", { name: "agent", scopes: ["read"], mailboxes: [mailbox] });
  return key;
}
