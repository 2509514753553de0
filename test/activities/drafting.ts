import { contentHash } from "../../src/mail/content-hash.ts";
import type { MailboxId, TenantId } from "../../src/model/ids.ts";
import type { OutboundInput, Recipient } from "../../src/model/outbound.ts";
import { letterOf, screen, type Letter } from "../store/outbound-samples.ts";
import type { Order, Site } from "./sending.ts";

export interface Author {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  readonly author: OutboundInput["author"];
}

/** A draft with real bytes, screened: it may go. */
export async function draftAt(
  { store, blobs }: Site,
  world: Author,
  mime: Buffer,
  letter: Letter & { recipients: readonly Recipient[] },
): Promise<Order> {
  const writer = await blobs.create(world.tenant);
  await writer.write(mime);
  const ref = await writer.commit();
  const drawn = letterOf(world, { at: Date.now(), ...letter });
  const { tenant, mailbox } = world;
  const { envelope_sender, recipients } = drawn.content;
  const content_hash = contentHash({ tenant, mailbox, envelope_sender, recipients, mime: ref.digest });
  const proposal = { ...drawn, revision: { number: 1, content_hash, mime: ref } };
  await screen(store, proposal);
  return { input: proposal.input, revision: proposal.revision };
}
