import { randomBytes } from "node:crypto";
import { JustScreened } from "../../activities/just-screened.ts";
import { definePolicy } from "../../policies/define.ts";
import { formatPolicy, policyDigest } from "../../policies/load.ts";
import type { PolicyInput } from "../../policies/schema.ts";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createUses } from "../../src/blobs/uses.ts";
import type { MailComposer } from "../../src/mail/composer.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import { draftMessageId, idBody, type MessageId } from "../../src/model/ids.ts";
import type { MessageRef } from "../../src/model/message.ts";
import type { Mode, OutboundInput, Submission } from "../../src/model/outbound.ts";
import { createFreezer, type Frozen } from "../../src/screening/freeze.ts";
import { createScreening, type Screening } from "../../src/screening/screen.ts";
import { createComposerJobs } from "../../src/threads/composer/jobs.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { UNWATCHED } from "../../src/threads/turn.ts";
import { openOutboundWorld, setMode, type OutboundWorld } from "../store/outbound-samples.ts";
import { newId, NOON, proposalOf, type Mail } from "../store/samples.ts";

export type Rig = Awaited<ReturnType<typeof openRig>>;

/** Freezing and screening over a real store, real bytes and the composer's own jobs, in a tenant of its own. */
export async function openRig(mode: Mode = "autonomous") {
  const world = await openOutboundWorld();
  setMode(world, mode);
  const { store, tenant, mailbox, author } = world;
  const blobs = createMemoryBlobs(Date.now);
  const composer = composerOver(blobs);
  const calls = { compose: 0, scan: 0 };
  const faults: unknown[] = [];
  const time = { now: NOON };
  const clock = () => time.now;
  /** What the next scans go through before they are done. */
  const troubles: Error[] = [];
  const counted: Pick<MailComposer, "compose" | "scan"> = {
    compose: (...given) => ((calls.compose += 1), composer.compose(...given)),
    scan: async (mime) => {
      calls.scan += 1;
      const trouble = troubles.shift();
      if (trouble !== undefined) throw trouble;
      return composer.scan(mime);
    },
  };
  const reader = createMailReader({ blobs, resolver: createZoneResolver({}), now: Date.now });
  const uses = createUses();
  /** As after a restart: nothing is remembered. */
  const newScreening = () => createScreening({ store, composer: counted, clock, onFault: (error) => void faults.push(error) });
  const screening = newScreening();
  // Not told what composing found, so that what is judged here was scanned.
  const newFreezer = (seen: Screening["seen"] = () => {}) => createFreezer({ store, blobs, uses, reader, composer: counted, seen, clock });
  const freezer = newFreezer();
  const put = (bytes: string | Buffer) => putBlob(blobs, world, bytes);

  async function inputOf(submission: Partial<Submission> = {}, changes: Partial<OutboundInput> = {}): Promise<OutboundInput> {
    const draft = newId("drf");
    const source = await put(JSON.stringify({ ...LETTER, ...submission }));
    const ids = { draft, message: draftMessageId(draft), thread: `thr_${idBody(draft)}` as const };
    const rest = { kind: "draft", author, in_reply_to: null, submitted_at: NOON, send_at: null } as const;
    return { tenant, mailbox, source, ...ids, ...rest, ...changes };
  }

  async function freeze(input: OutboundInput): Promise<Frozen> {
    const frozen = await freezer.freeze(input, { number: 1, source: input.source, author: input.author });
    if ("invalid" in frozen) throw new Error(JSON.stringify(frozen.invalid));
    return frozen;
  }

  return {
    ...{ world, store, blobs, composer, freezer, screening, newFreezer, newScreening, calls, faults, troubles, time, put, inputOf, freeze },
    deps: { store, freezer, screening, clock, random: randomBytes, justScreened: new JustScreened(clock) },
    /** Judges a letter as a dry run does. */
    async judge(submission: Partial<Submission> = {}, changes: Partial<OutboundInput> = {}) {
      const input = await inputOf(submission, changes);
      const { revision, content } = await freeze(input);
      return screening.judge(input, revision, content);
    },
    async setPolicy(outbound: NonNullable<PolicyInput["outbound"]>): Promise<void> {
      const policy = definePolicy({ senders: [], defaultAction: "bounce", outbound });
      await setDocument(world, formatPolicy(policy), policyDigest(policy));
    },
    setDocument: (document: string) => setDocument(world, document, newId("pol")),
    /** Mail that has come in, with these bytes. */
    async receive(raw: string, mail: Mail = {}): Promise<MessageId> {
      const proposal = proposalOf(world, mail);
      const ref = await put(raw);
      await store.run("inbound.decide", { ...proposal, input: { ...proposal.input, ref } });
      return proposal.input.message;
    },
    bytesOf: (mime: MessageRef) => blobs.get(tenant, mime.digest),
  };
}

export const LETTER: Submission = {
  to: ["Anna <anna@acme.example>"],
  cc: ["cc@acme.example"],
  bcc: ["bcc@other.example"],
  subject: "Dinner",
  markdown: "See you at **eight**.",
  text: null,
  attachments: [],
};

function composerOver(blobs: Blobs): MailComposer {
  const { scanDraft, ...jobs } = createComposerJobs(blobs, UNWATCHED);
  return { ...jobs, scan: scanDraft };
}

async function putBlob(blobs: Blobs, { tenant }: OutboundWorld, bytes: string | Buffer): Promise<MessageRef> {
  const writer = await blobs.create(tenant);
  await writer.write(Buffer.from(bytes as string));
  return writer.commit();
}

async function setDocument({ store, tenant, mailbox }: OutboundWorld, document: string, digest: string): Promise<void> {
  await store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest, document, at: NOON, actor: "postern" });
}
