import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authenticate } from "mailauth";
import { simpleParser, type SimpleParserOptions } from "mailparser";
import { budget } from "../../activities/budget.ts";
import type { ActivityDeps } from "../../activities/deps.ts";
import { guard } from "../../activities/guard.ts";
import { verify } from "../../activities/verify.ts";
import { formatPolicy, policyDigest } from "../../policies/load.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import { createUses } from "../../src/blobs/uses.ts";
import { messageId } from "../../src/message-id.ts";
import { makeId, type Id, type IdPrefix } from "../../src/model/ids.ts";
import type { Envelope, InboundInput } from "../../src/model/message.ts";
import type { InboundProposal, Store } from "../../src/store/contract.ts";
import { createReaderPool } from "../../src/threads/pool.ts";
import { createZoneFileResolver } from "../../src/threads/zone.ts";
import { nameOn, openStore, withDatabase, type Engine } from "./engine.ts";
import { median, timed, mean } from "./figures.ts";
import { openMailSource, senderOf, ZONE } from "./mail.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import { BENCH_POLICY } from "./policy.ts";

const TO = "assistant@acme.example";
const AT_ONCE = 20;
/** Messages of each kind before anything is measured. */
const WARM_UP = 1_000;
const ABOUT_10_KB = { least: 8_000, most: 14_000 };

export const gateOn = (engine: Engine): Measurement => ({
  name: nameOn(engine, "gate"),
  about:
    "Limits, verification, parsing, ten patterns, policy and ledger on real mail of about 10 KB: the activities themselves over the reader thread, the file blobs and the " +
    "store, without Temporal. Bare chain: mailauth.authenticate (strict) and mailparser (lite) on the same bytes with the same zone. A second of a core is a second of processor time of all " +
    "threads of the process, kernel time included. Rounds in turns, medians.",
  async run(terms) {
    const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
    try {
      return await withDatabase(engine, (url) => measure(terms, root, url));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
});

interface Round {
  /** Messages a second of processor time. */
  readonly perCore: number;
  /** Messages a second. */
  readonly rate: number;
}

async function measure({ quick, say }: Terms, root: string, url: string | null): Promise<readonly Figure[]> {
  const source = await openMailSource();
  say(`gate: ${source.origin}`);
  const zone = join(root, "zone.json");
  await writeFile(zone, JSON.stringify(ZONE));
  const rig = await createRig(root, zone, url);
  const bare = createBare(zone);
  const [rounds, count] = quick ? [3, 200] : [7, 300];
  const seen: { whole: Round; bare: Round; decide: Round }[] = [];
  // The first round warms up: a gate that has just started compiles, and is of no interest.
  for (let round = 0; round <= rounds; round += 1) {
    say(`gate: round ${round} of ${rounds}`);
    const mails = await source.take(round === 0 ? WARM_UP : count, ABOUT_10_KB);
    const inputs = await Promise.all(mails.map((mail, index) => rig.put(mail, envelopeOf(index))));
    const chain = (): Promise<Round> => inRound(mails, (mail) => bare(mail, envelopeOf(0)));
    const whole = (): Promise<Round> => inRound(inputs, rig.judge);
    const [first, second] = round % 2 === 0 ? [await chain(), await whole()] : [await whole(), await chain()].toReversed();
    seen.push({ bare: first as Round, whole: second as Round, decide: await inRound(inputs, rig.recordAgain) });
  }
  await rig.close();
  const measured = seen.slice(1);
  const perCore = measured.map(({ whole }) => whole.perCore);
  const size = mean((await source.take(45, ABOUT_10_KB)).map(({ length }) => length));
  return [
    { what: "gate, messages a second of a core", value: median(perCore), unit: "messages/s", target: { least: 400 } },
    {
      what: "gate / bare library chain, a second of a core",
      value: median(measured.map(({ whole, bare }) => whole.perCore / bare.perCore)),
      unit: "×",
      target: { least: 0.6 },
    },
    {
      what: "bare library chain, messages a second of a core",
      value: median(measured.map(({ bare }) => bare.perCore)),
      unit: "messages/s",
    },
    { what: "gate, by the clock", value: median(measured.map(({ whole }) => whole.rate)), unit: "messages/s" },
    { what: "bare library chain, by the clock", value: median(measured.map(({ bare }) => bare.rate)), unit: "messages/s" },
    {
      what: "ledger and record alone, a second of a core",
      value: median(measured.map(({ decide }) => decide.perCore)),
      unit: "messages/s",
    },
    { what: "ledger and record alone, by the clock", value: median(measured.map(({ decide }) => decide.rate)), unit: "messages/s" },
    { what: "mean size of a message", value: size, unit: "bytes" },
  ];
}

async function inRound<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<Round> {
  const before = process.cpuUsage();
  const { ms } = await timed(items, AT_ONCE, work);
  const { user, system } = process.cpuUsage(before);
  return { perCore: (items.length * 1e6) / (user + system), rate: (items.length * 1000) / ms };
}

function envelopeOf(index: number): Envelope {
  return { ip: "198.18.0.1", helo: "mx.bench.example", sender: senderOf(index), recipient: TO };
}

interface Rig {
  put(mail: Buffer, envelope: Envelope): Promise<InboundInput>;
  judge(input: InboundInput): Promise<void>;
  /** Only the last step, as another message with the facts of this one. */
  recordAgain(input: InboundInput): Promise<void>;
  close(): Promise<void>;
}

async function createRig(root: string, zone: string, url: string | null): Promise<Rig> {
  const blobRoot = join(root, "blobs");
  const [store, blobs, reader] = [
    await openStore(url, join(root, "bench.db")),
    await createFileBlobs(blobRoot, Date.now),
    createReaderPool({ source: { kind: "files", root: blobRoot }, zone }),
  ];
  const loopCaps = { perThread: 10, perPair: 30 };
  const proposals = new Map<string, InboundProposal>();
  const deps: ActivityDeps = {
    store: remembering(store, proposals),
    blobs,
    uses: createUses(),
    reader,
    clock: Date.now,
    random: randomBytes,
    loopCaps,
    onFault: () => undefined,
  };
  const { tenant, mailbox } = await openMailbox(store);
  return {
    async put(mail, envelope) {
      const writer = await blobs.create(tenant);
      await writer.write(mail);
      const ref = await writer.commit();
      const message = messageId({ tenant, mailbox, digest: ref.digest, sender: envelope.sender });
      return { tenant, mailbox, message, ref, envelope, received_at: Date.now() };
    },
    async judge(input) {
      const violation = await reader.inspect({ tenant, ref: input.ref });
      if (violation !== null) throw new Error(`refused: ${violation.limit}`);
      const verified = await verify(deps, input);
      const guarded = await guard(deps, input, verified);
      const { outcome, reason } = await budget(deps, input, verified, guarded, traceOf(input));
      if (outcome !== "delivered") throw new Error(`a message of the bench was ${outcome}: ${reason}`);
    },
    async recordAgain(input) {
      const proposal = proposals.get(input.message);
      proposals.delete(input.message);
      if (proposal === undefined) throw new Error("the message was not judged before");
      const again = { ...input, message: fresh("msg") };
      const names = { decision_id: fresh("dec"), audit_id: fresh("aud"), trace: traceOf(again) };
      await store.run("inbound.decide", { ...proposal, ...names, input: again });
    },
    close: async () => {
      await reader.close();
      await store.close();
    },
  };
}

/** The store, which keeps what it was asked to record. */
function remembering(store: Store, proposals: Map<string, InboundProposal>): Store {
  return {
    run(name, args) {
      if (name === "inbound.decide") proposals.set((args as InboundProposal).input.message, args as InboundProposal);
      return store.run(name, args);
    },
    watch: (key, timeoutMs) => store.watch(key, timeoutMs),
    close: () => store.close(),
  };
}

function traceOf({ message }: InboundInput) {
  return { workflow_id: `in-${message.slice(4)}`, run_id: message, activity_id: "3" };
}

async function openMailbox(store: Store) {
  const [tenant, mailbox] = [fresh("ten"), fresh("mbx")];
  await store.run("tenants.create", { id: tenant, name: "bench", at: 0 });
  const address = { address: TO, domain: "acme.example", address_id: fresh("adr"), domain_id: fresh("dom") };
  await store.run("mailboxes.create", { id: mailbox, tenant, agent_id: "assistant", ...address, at: 0 });
  const document = formatPolicy(BENCH_POLICY);
  const digest = policyDigest(BENCH_POLICY);
  await store.run("policies.put", { tenant, mailbox, id: fresh("pol"), digest, document, at: 0, actor: "postern" });
  return { tenant, mailbox };
}

function fresh<P extends IdPrefix>(prefix: P): Id<P> {
  return makeId(prefix, randomBytes(16));
}

const LITE = {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipTextLinks: true,
  skipImageLinks: true,
  checksumAlgo: false,
  ignoreEmbedded: true,
};

/** What a gateway would at least do: both libraries, called as their manuals say, strictly. */
function createBare(zone: string): (mail: Buffer, envelope: Envelope) => Promise<void> {
  const resolver = createZoneFileResolver(zone) as never;
  return async (mail, { ip, helo, sender }) => {
    const { dkim } = await authenticate(mail, { ip, helo, sender, mta: "bench", resolver, strict: true, disableBimi: true });
    if (dkim === undefined || dkim.results[0]?.status.result !== "pass") throw new Error("the bench's own signature does not verify");
    await simpleParser(mail, LITE as SimpleParserOptions);
  };
}
