// An agent without a public address: pulls what was delivered, acts within each mail's capabilities, reports its cost.
import { PosternClient, PosternError, type api } from "postern/client";

export interface PullOptions {
  readonly url: string;
  readonly key: string;
  /** Where it left off; default: with the oldest mail. */
  readonly after?: string;
  readonly signal?: AbortSignal;
}

/** Yields what it did about each mail, with the cursor to go on from. */
export async function* pullAgent({ url, key, after, signal }: PullOptions) {
  const postern = new PosternClient({ url, key });
  const [mailbox] = (await postern.mailboxes()).items;
  if (mailbox === undefined) throw new Error("the key sees no mailbox");
  const from = { ...(after === undefined ? {} : { after }), ...(signal === undefined ? {} : { signal }) };
  for await (const { message, cursor } of postern.wait(mailbox.id, from)) {
    const did = await act(postern, message);
    await postern.usage(message.id, 100);
    yield { did, cursor };
  }
}

async function act(postern: PosternClient, mail: api.Message): Promise<string> {
  // The model reads mail.text and wants a meeting; whether it may is asked of the gate, not of the model.
  if (await may(postern, mail, "confirm_meeting")) {
    await postern.reply(mail.id, { markdown: "Booked." }, { idempotencyKey: `booked-${mail.id}` });
    return `booked for ${mail.from}`;
  }
  if (await may(postern, mail, "ingest_conflict_notice")) return `noted a conflict from ${mail.from}`;
  return `did nothing for ${mail.from}`;
}

async function may(postern: PosternClient, mail: api.Message, capability: string): Promise<boolean> {
  try {
    return (await postern.check(mail.grant ?? "", capability)).allowed;
  } catch (error) {
    if (error instanceof PosternError && error.code === "capability_denied") return false;
    throw error;
  }
}
