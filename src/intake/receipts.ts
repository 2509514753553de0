import { makeId, type MessageId } from "../model/ids.ts";
import type { IntakeDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Route } from "./recipient.ts";

const ID_BYTES = 16;

/** What was told in one transaction about messages that exist. */
export interface Told {
  /** Whom: the client's address, or who brings its mail. */
  readonly peer: string;
  readonly helo: string;
  readonly sender: string;
  /** Every recipient with its mailbox's message. */
  readonly about: readonly { readonly route: Route; readonly message: MessageId; readonly reply: string }[];
}

/** Writes one receipt per (message, recipient). Never rejects: the answer was given, and a lost receipt must not change it. */
export async function keepReceipts(deps: Pick<IntakeDeps, "store" | "random" | "clock" | "log">, told: Told): Promise<void> {
  const at = deps.clock();
  const { peer, helo, sender } = told;
  const writes = told.about.map(({ route, message, reply }) =>
    deps.store.run("receipts.add", {
      id: makeId("rcp", deps.random(ID_BYTES)),
      tenant: route.tenant,
      message,
      peer,
      helo,
      sender,
      recipient: route.recipient,
      reply,
      at,
    }),
  );
  for (const written of await Promise.allSettled(writes)) {
    if (written.status === "rejected") deps.log.error({ fault: faultCode(written.reason) }, "receipt not written");
  }
}
