// The process under measurement: a whole instance and, beside it, workers of the empty workflow.
import { createClient } from "../../src/cli/client.ts";
import type { Running } from "../../src/serve.ts";
import { answerParent, type Subject } from "./child.ts";
import { startEmpty } from "./empty/runs.ts";
import { ADMIN_KEY, startInstance, type InstanceSetup } from "./instance.ts";

export interface Setup extends InstanceSetup {
  readonly policy: object;
}

export interface Place {
  readonly smtp: number;
  readonly http: string;
  readonly key: string;
  readonly mailbox: string;
}

const ADDRESS = { address_local_part: "assistant", domain: "acme.example", agent_id: "assistant" };

answerParent(async ({ policy, ...setup }: Setup): Promise<Subject> => {
  const running = await startInstance(setup);
  const mailbox = await openMailbox(running, policy);
  const empty = await startEmpty(setup.temporal);
  const place: Place = { smtp: running.smtp.port, http: running.http, ...mailbox };
  return {
    tasks: { place: async () => place, empty: empty.run },
    close: async () => {
      await empty.close();
      await running.close();
    },
  };
});

async function openMailbox(running: Running, policy: object): Promise<Pick<Place, "key" | "mailbox">> {
  const http = createClient({ url: running.http, key: async () => ADMIN_KEY, fetch });
  const { id } = await http.send<{ id: string }>("POST", "/v1/mailboxes", ADDRESS);
  await http.send("PUT", `/v1/mailboxes/${id}/policy`, policy);
  const { key } = await http.send<{ key: string }>("POST", "/v1/keys", { name: "agent", scopes: ["read"], mailboxes: [id] });
  return { mailbox: id, key };
}
