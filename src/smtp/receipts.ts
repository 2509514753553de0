import type { Envelope } from "../model/message.ts";
import { makeId } from "../model/ids.ts";
import { formatReply, type Reply } from "./answers.ts";
import type { Judged } from "./combine.ts";
import type { SmtpDeps } from "./deps.ts";
import { faultCode } from "./fault.ts";
import type { Route } from "./route.ts";

const ID_BYTES = 16;

/** What was told in one transaction about messages that exist. */
export interface Told {
  readonly envelope: Omit<Envelope, "recipient">;
  /** Every recipient with its mailbox's message. */
  readonly about: readonly { readonly route: Route; readonly judged: Judged }[];
  readonly reply: Reply;
}

/** Writes one receipt per (message, recipient). Never rejects: the answer was given, and a lost receipt must not change it. */
export async function keepReceipts(deps: Pick<SmtpDeps, "store" | "random" | "clock" | "log">, told: Told): Promise<void> {
  const at = deps.clock();
  const { ip, helo, sender } = told.envelope;
  const writes = told.about.map(({ route, judged }) =>
    deps.store.run("receipts.add", {
      id: makeId("rcp", deps.random(ID_BYTES)),
      tenant: route.tenant,
      message: judged.message,
      peer: ip,
      helo,
      sender,
      recipient: route.recipient,
      reply: formatReply(told.reply),
      at,
    }),
  );
  for (const written of await Promise.allSettled(writes)) {
    if (written.status === "rejected") deps.log.error({ fault: faultCode(written.reason) }, "receipt not written");
  }
}
