import { createHash } from "node:crypto";
import type { Blobs } from "../blobs/blobs.ts";
import type { Uses } from "../blobs/uses.ts";
import type { Composed, ComposeFrame, InvalidDraft, MailComposer } from "../mail/composer.ts";
import { contentHash } from "../mail/content-hash.ts";
import type { MailReader } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { HoldActor } from "../model/hold.ts";
import { idBody, type TenantId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { OutboundInput, RevisionRef } from "../model/outbound.ts";
import type { Store } from "../store/contract.ts";
import type { RevisionContent } from "../store/contract-outbound.ts";
import { Recent } from "./recent.ts";
import type { Screening } from "./screen.ts";

/** The draft a revision is of. */
export type Draft = Pick<OutboundInput, "tenant" | "mailbox" | "draft" | "kind" | "in_reply_to">;

/** What was written, as which revision, and by whom. */
export interface Writing {
  /** From 1. */
  readonly number: number;
  /** JSON of a `Submission`. */
  readonly source: MessageRef;
  /** Those of the source, when nobody has stored them yet: they are stored together with what is made of them, or not at all. */
  readonly bytes?: Buffer;
  readonly author: HoldActor;
}

/** One revision: what a workflow may know of it, and what it may not. */
export interface Frozen {
  readonly revision: RevisionRef;
  readonly content: RevisionContent;
}

export interface Freezer {
  /**
   * Composes and stores the finished MIME. The same draft and writing give the same bytes, so asking again, here or in
   * another process, is harmless; soon after the first time it costs nothing. A blob that no revision comes to need is
   * collected after a day.
   */
  freeze(draft: Draft, writing: Writing): Promise<Frozen | InvalidDraft>;
}

export interface FreezerDeps {
  readonly store: Store;
  readonly blobs: Pick<Blobs, "create">;
  readonly uses: Pick<Uses, "take">;
  readonly reader: Pick<MailReader, "thread">;
  readonly composer: Pick<MailComposer, "compose">;
  /** Told what was found in a mail that was composed, so that nobody need look again. */
  readonly seen: Screening["seen"];
  readonly clock: () => number;
}

/** Blobs live a day without a revision that needs them; what is remembered of them lives much shorter. */
const REMEMBERED = { entries: 256, ms: 600_000 };

export function createFreezer(deps: FreezerDeps): Freezer {
  const recent = new Recent<Frozen | InvalidDraft>(REMEMBERED, deps.clock);
  return { freeze: (draft, writing) => recent.get(nameOf(draft, writing), () => freezeNow(deps, draft, writing)) };
}

function nameOf({ tenant, draft }: Draft, { number, source, author }: Writing): string {
  return [tenant, draft, number, source.digest, author].join("/");
}

async function freezeNow(deps: FreezerDeps, draft: Draft, writing: Writing): Promise<Frozen | InvalidDraft> {
  const frame = await frameOf(deps, draft, writing.number);
  const { tenant } = draft;
  const { source: ref, bytes } = writing;
  const composed = await deps.composer.compose({ tenant, ref, ...(bytes === undefined ? {} : { bytes }) }, frame);
  if ("invalid" in composed) return composed;
  const content = contentOf(composed, frame, writing);
  // Side by side, so that one wait for the disk serves both.
  const [mime] = await Promise.all([composed.mime, ...(bytes === undefined ? [] : [bytes])].map((each) => keep(deps, tenant, each)));
  if (mime === undefined) throw new PosternError("internal", "what was composed was not kept");
  if (composed.findings !== null) deps.seen(tenant, mime.digest, composed.findings);
  return { revision: { number: writing.number, content_hash: hashOf(draft, content, mime), mime }, content };
}

async function frameOf(deps: FreezerDeps, draft: Draft, number: number): Promise<ComposeFrame> {
  const { tenant, mailbox, kind } = draft;
  const row = await deps.store.run("mailboxes.get", { tenant, id: mailbox });
  if (row === null) throw new PosternError("not_found", "there is no such mailbox");
  const name = `${idBody(draft.draft)}.${number}`;
  const message_id = `${name}${row.address.slice(row.address.lastIndexOf("@"))}`;
  return { tenant, mailbox, kind, from: row.address, message_id, seed: name, reply: await replyOf(deps, draft) };
}

/** RFC 5322 §3.6.4. Without the bytes of the answered message its own name is enough; without that it is answered all the same. */
async function replyOf({ store, reader }: FreezerDeps, { tenant, mailbox, in_reply_to }: Draft): Promise<ComposeFrame["reply"]> {
  const row = in_reply_to === null ? null : await store.run("messages.get", { tenant, id: in_reply_to, view: "all" });
  if (row === null || row.mailbox !== mailbox || row.rfc_message_id === null) return null;
  const ref = { digest: row.digest, size: row.size };
  const references = await reader.thread({ tenant, ref }).then(({ references: nearest }) => nearest.toReversed(), orUnknown);
  return { in_reply_to: row.rfc_message_id, references };
}

/** What cannot be read now may be read later; what can never be read again names nobody. */
function orUnknown(error: unknown): readonly string[] {
  if (error instanceof PosternError && !error.temporary) return [];
  throw error;
}

function contentOf({ recipients, subject }: Composed, { from, message_id }: ComposeFrame, { source, author }: Writing): RevisionContent {
  return { source, author, envelope_sender: from, recipients, subject, rfc_message_id: message_id };
}

function hashOf({ tenant, mailbox }: Draft, { envelope_sender, recipients }: RevisionContent, mime: MessageRef): string {
  return contentHash({ tenant, mailbox, envelope_sender, recipients, mime: mime.digest });
}

async function keep({ blobs, uses }: FreezerDeps, tenant: TenantId, mime: Buffer): Promise<MessageRef> {
  const digest = createHash("sha256").update(mime).digest("hex");
  const leave = await uses.take({ tenant, digest });
  try {
    const writer = await blobs.create(tenant);
    await writer.write(mime);
    return await writer.commit();
  } finally {
    leave();
  }
}
