import { afterAll, beforeAll, expect, it } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { Instance } from "../support/instance.ts";

interface Sent {
  readonly id: string;
  readonly status: string;
  readonly [field: string]: unknown;
}

let postern: Instance;
beforeAll(async () => {
  postern = await Instance.start();
});
afterAll(() => postern?.close());

const BOSS = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Shall we meet on **Friday**?" };

async function agentOf(mailbox: string): Promise<Client> {
  const { key } = await postern.http.send<{ key: string }>("POST", "/v1/keys", {
    name: "agent",
    scopes: ["read", "send"],
    mailboxes: [mailbox],
  });
  return postern.as(key);
}

it("MM-04 a draft of a gated mailbox waits for people", async () => {
  const mailbox = await postern.mailbox("gated@acme.example", { defaultAction: "bounce", senders: [] });
  const agent = await agentOf(mailbox);
  const sent = await agent.send<Sent>("POST", `/v1/mailboxes/${mailbox}/send`, BOSS);
  expect(sent).toMatchObject({ status: "pending_send_approval", to: ["boss@elsewhere.example"], revision: 1 });
});
