// An agent behind a webhook: verifies each delivery, takes it once, answers within the mail's capabilities.
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createSeen, PosternClient, verifyWebhook, type WebhookEvent } from "postern/client";

export interface WebhookAgentOptions {
  readonly url: string;
  readonly key: string;
  /** `whsec_…`, shown when the webhook was registered. */
  readonly secrets: () => readonly string[];
  readonly onDone: (did: string) => void;
}

const STATUS = { bad_signature: 400, stale: 400, malformed: 400, repeated: 200, test: 200 } as const;

export function webhookAgent({ url, key, secrets, onDone }: WebhookAgentOptions): Server {
  const postern = new PosternClient({ url, key });
  const seen = createSeen();
  return createServer((request, response) => {
    void answer(request).then((status) => response.writeHead(status).end());
  });

  async function answer(request: IncomingMessage): Promise<number> {
    const body = await bytesOf(request);
    if (body === null) return 413;
    const verdict = await verifyWebhook({ secrets: secrets(), seen }, { headers: request.headers, body });
    if (!verdict.ok) return STATUS[verdict.code];
    try {
      onDone(await act(verdict.event));
      return 204;
    } catch {
      // Postern tries again, with the same id.
      await seen.forget(verdict.event.id);
      return 500;
    }
  }

  async function act({ data }: WebhookEvent): Promise<string> {
    // Here the model reads data.text. Over 1 MB it is left out: `postern.get(data.message_id)` has it.
    if (!data.capabilities.includes("confirm_meeting")) return `noted ${data.subject}`;
    await postern.reply(data.message_id, { markdown: "Booked." }, { idempotencyKey: `booked-${data.message_id}` });
    return `booked ${data.subject}`;
  }
}

/** Null: more than Postern ever sends. */
async function bytesOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunks.push(chunk as Buffer) > 10_000) return null;
  return Buffer.concat(chunks);
}
