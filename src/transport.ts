import { createHash } from "node:crypto";
import { hostname } from "node:os";
import type { Blobs } from "./blobs/blobs.ts";
import type { Uses } from "./blobs/uses.ts";
import type { TenantId } from "./model/ids.ts";
import type { MessageRef } from "./model/message.ts";
import type { Store } from "./store/contract.ts";
import type { Relay } from "./transports/relay.ts";
import { createSandbox, type Sink } from "./transports/sandbox.ts";
import { createSmtpTransport } from "./transports/smtp.ts";
import type { Transport } from "./transports/transport.ts";

/** Where the sandbox keeps mail. */
export interface SinkDeps {
  readonly store: Store;
  readonly blobs: Pick<Blobs, "create">;
  readonly uses: Pick<Uses, "take">;
  readonly clock: () => number;
}

/** How mail leaves this instance: to the relay it is given, or, without one, into the sandbox. */
export function createTransport(relay: Relay | undefined, deps: SinkDeps): Transport {
  return relay === undefined ? createSandbox(sinkIn(deps)) : createSmtpTransport({ relay, name: hostname() });
}

function sinkIn(deps: SinkDeps): Sink {
  return {
    async put({ id, envelope, name, bytes }) {
      const { tenant, mailbox, draft } = name;
      // Until the row is there nothing else says that somebody needs the bytes.
      const leave = await deps.uses.take({ tenant, digest: createHash("sha256").update(bytes).digest("hex") });
      try {
        const message = await keep(deps, tenant, bytes);
        const { sender: envelope_sender, recipients } = envelope;
        await deps.store.run("sink.put", { id, tenant, mailbox, draft, envelope_sender, recipients, message, at: deps.clock() });
      } finally {
        leave();
      }
    },
  };
}

async function keep({ blobs }: SinkDeps, tenant: TenantId, bytes: Buffer): Promise<MessageRef> {
  const writer = await blobs.create(tenant);
  try {
    await writer.write(bytes);
    return await writer.commit();
  } finally {
    await writer.abort();
  }
}
