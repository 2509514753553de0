import { describe, expect, it, onTestFinished } from "vitest";
import type { SendDeps } from "../../activities/send.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { contentHash } from "../../src/mail/content-hash.ts";
import { PosternError } from "../../src/model/errors.ts";
import { createScreening } from "../../src/screening/screen.ts";
import type { OperationName, Store } from "../../src/store/contract.ts";
import type { SendLook } from "../../src/store/contract-outbound.ts";
import { createSandbox } from "../../src/transports/sandbox.ts";
import {
  approvalOf,
  fresh,
  GATED,
  inDatabase,
  letterOf,
  screen,
  setMode,
  suppressionOf,
  to,
  type Letter,
  type OutboundWorld,
} from "../store/outbound-samples.ts";
import { HOUR, newId } from "../store/samples.ts";
import { draftOf, fates, openSendingWorld } from "../store/send-samples.ts";
import { CUT, HANG, SmtpPeer, type PeerScript } from "../support/smtp-peer.ts";
import { draftAt } from "./drafting.ts";
import { AUTONOMOUS, depsOf, sendOnce, sendVersion, transportTo, type Order, type Site } from "./sending.ts";

const ANN = "ann@acme.example";
const BEN = "ben@other.example";
const MIME = Buffer.from("Subject: hello\r\nMessage-ID: <1@gate.example>\r\n\r\nhello\r\n");

interface Rig {
  readonly world: OutboundWorld;
  readonly peer: SmtpPeer;
  readonly site: Site;
  readonly deps: SendDeps;
  /** Codes of what was reported to the operator. */
  readonly faults: string[];
}

async function openRig(changes: Partial<SendDeps> = {}): Promise<Rig> {
  const world = await openSendingWorld();
  const peer = await SmtpPeer.start();
  onTestFinished(() => peer.close());
  const site = { store: world.store, blobs: createMemoryBlobs(Date.now) };
  const transport = transportTo(peer.port, site);
  onTestFinished(() => transport.close());
  const faults: string[] = [];
  const deps = depsOf(site, transport, { onFault: ({ code }) => faults.push(code), ...changes });
  return { world, peer, site, deps, faults };
}

function draft({ world, site }: Rig, letter: Letter = {}): Promise<Order> {
  return draftAt(site, world, MIME, { recipients: to(ANN, BEN), ...letter });
}

async function lookAt({ world }: Rig, { input: { tenant, draft: id } }: Order): Promise<SendLook> {
  return (await world.store.run("sends.look", { tenant, draft: id, at: Date.now() }))!;
}

/** As the state samples ask for it. */
function letter({ input }: Order) {
  return { input } as ReturnType<typeof letterOf>;
}

/** `hear` is told what is asked. */
function heard(store: Store, hear: (name: OperationName) => unknown): Store {
  return {
    ...{ watch: (key, ms) => store.watch(key, ms), close: () => store.close() },
    run(name, args) {
      hear(name);
      return store.run(name, args);
    },
  };
}

function only(at: string, answer: ReturnType<PeerScript>): PeerScript {
  return (step) => (step === at ? answer : undefined);
}

describe("one go at sending", () => {
  it("MM-13 MB-13 gives the relay the approved bytes behind what was sealed in front of them, once", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    const [mail, ...others] = rig.peer.taken;
    expect(others).toEqual([]);
    expect(mail).toMatchObject({ sender: "assistant@gate.example", recipients: [ANN, BEN] });
    expect(mail!.content).toMatch(/^Date: .*\r\nReviewed: false\r\nSubject: hello\r\n/);
    expect(mail!.content.endsWith(MIME.toString())).toBe(true);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken).toHaveLength(1);
    expect(rig.faults).toEqual([]);
  });

  it("X-26 says whether a person has approved it", async () => {
    const rig = await openRig({ judge: async () => ({ ...AUTONOMOUS, outcome: "pending_send_approval", mode: "gated_send" }) });
    const { world } = rig;
    const order = await draft(rig, { proposal: GATED });
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "stale" });
    const approval = approvalOf({ ...letterOf(world), ...order }, world.approver, Date.now());
    expect(await world.store.run("holds.decide", approval)).toMatchObject({ status: "approved" });
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken[0]?.content).toContain("Reviewed: true\r\n");
  });

  it("of twenty goes at the same draft one gets through", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const results = await Promise.all(Array.from({ length: 20 }, () => sendOnce(rig.deps, order)));
    expect(rig.peer.taken.length).toBeLessThanOrEqual(1);
    for (const result of results) expect(["retry", "done", "unknown"]).toContain(result.kind);
    const last = await sendOnce(rig.deps, order);
    expect(rig.peer.taken).toHaveLength(1);
    expect(["done", "unknown"]).toContain(last.kind);
  });

  it("tells Temporal and the store while it goes on, and no more when it is over", { timeout: 30_000 }, async () => {
    const rig = await openRig();
    const [told, release] = [Promise.withResolvers<void>(), Promise.withResolvers<undefined>()];
    const store = heard(rig.world.store, (name) => name === "sends.carry" && told.resolve());
    let beats = 0;
    const heartbeat = (): void => void (beats += 1);
    rig.peer.script = (step) => (step === "dot" ? release.promise : undefined);
    const [slow, started] = [await draft(rig), Date.now()];
    const sent = sendOnce({ ...rig.deps, store }, slow, { heartbeat });
    await told.promise;
    // 20 s after the claim, and nobody else believes that it is over.
    const later = { ...rig.deps, clock: () => started + 23_000 };
    expect(await sendOnce(later, slow)).toMatchObject({ kind: "wait" });
    release.resolve(undefined);
    expect(await sent).toEqual({ kind: "done", state: "sent" });
    expect(beats).toBe(1);
    expect(await sendOnce(rig.deps, await draft(rig), { heartbeat })).toEqual({ kind: "done", state: "sent" });
    expect(beats).toBe(1);
  });
});

describe("what the relay says", () => {
  it.each([
    ["connect", "421 4.3.2 busy"],
    ["connect", CUT],
    ["mail", "451 4.3.0 later"],
    ["rcpt", "450 4.2.1 greylisted"],
    ["data", "451 4.3.0 later"],
    ["dot", "452 4.3.1 full"],
    ["rcpt", CUT],
    ["data", CUT],
  ] as const)("at %s %j: tried again, and then everybody has it once", async (at, answer) => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = only(at, answer);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "retry" });
    expect(await draftOf(rig.world, letter(order))).toMatchObject({ state: "sending" });
    const before = rig.peer.taken.length;
    rig.peer.script = () => undefined;
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken.slice(before)).toMatchObject([{ recipients: [ANN, BEN] }]);
  });

  it.each([
    ["mail", "550 5.7.1 no"],
    ["rcpt", "550 5.7.1 no"],
    ["data", "554 5.7.1 no"],
    ["dot", "550 5.7.1 no"],
  ] as const)("at %s %j: failed, with its code", async (at, answer) => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = only(at, answer);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "failed" });
    expect(await draftOf(rig.world, letter(order))).toMatchObject({ state: "failed", reason: answer.slice(0, 9) });
  });

  it("a retry goes to the one who was put off alone", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = (step, address) => (step === "rcpt" && address === BEN ? "450 4.2.1 later" : undefined);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "retry" });
    rig.peer.script = () => undefined;
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken.map(({ recipients }) => recipients)).toEqual([[ANN], [BEN]]);
  });

  it.each([
    ["content", CUT],
    ["dot", CUT],
    ["dot", "nonsense"],
  ] as const)("X-06 at %s %j: unknown, and not tried again", async (at, answer) => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = only(at, answer);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "unknown" });
    rig.peer.script = () => undefined;
    const before = rig.peer.taken.length;
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "unknown" });
    expect(rig.peer.taken).toHaveLength(before);
    expect(await fates(rig.world, letter(order))).toEqual({ [ANN]: "unknown", [BEN]: "unknown" });
  });
});

describe("DESIGN §4.5 what forbids it at the last moment", () => {
  type Forbid = (rig: Rig) => unknown;
  const FORBIDDEN: readonly (readonly [string, object, Forbid])[] = [
    ["X-27 a stop", { kind: "wait" }, ({ world }) => stop(world)],
    ["PB-20 a suppression", { kind: "stale" }, ({ world }) => world.store.run("suppressions.put", suppressionOf(world.tenant, ANN))],
    [
      "NY-01 the author's key",
      { kind: "stale" },
      ({ world }) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: 1 }),
    ],
    ["MM-04 the mode", { kind: "stale" }, ({ world }) => setMode(world, "gated_send")],
    ["X-04 a policy", { kind: "stale" }, ({ world }) => putPolicy(world)],
  ];

  it.each(FORBIDDEN)("%s that comes while the relay is spoken to: the connection is cut before DATA", async (_, expected, forbid) => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = async (step) => {
      if (step === "rcpt") await forbid(rig);
      return undefined;
    };
    expect(await sendOnce(rig.deps, order)).toMatchObject(expected);
    expect(rig.peer.commands).not.toContain("DATA");
    expect(rig.peer.taken).toEqual([]);
  });

  it.each(FORBIDDEN)("%s that was there before: the relay is not even spoken to", async (_, expected, forbid) => {
    const rig = await openRig();
    const order = await draft(rig);
    await forbid(rig);
    const look = await lookAt(rig, order);
    expect(await sendVersion(rig.deps, order.input, { ...look, ready: null })).toMatchObject(expected);
    // Nor where nothing but the judgement is asked before.
    const { store } = rig.world;
    const screening = createScreening({ store, composer: { scan: async () => [] }, clock: Date.now, onFault: () => undefined });
    const judge: SendDeps["judge"] = (input, revision, facts) => screening.judge(input, revision, revision, facts!);
    expect(await sendVersion({ ...rig.deps, judge }, order.input, look)).toEqual({ kind: "stale" });
    expect(rig.peer.connections).toBe(0);
  });

  it.each(["blocked", "rate_limited"] as const)(
    "X-20 judged %s by today's policy: screened again, and nothing is opened",
    async (outcome) => {
      const rig = await openRig({ judge: async () => ({ ...AUTONOMOUS, outcome }) });
      const order = await draft(rig);
      expect(await sendOnce(rig.deps, order)).toEqual({ kind: "stale" });
      expect(rig.peer.connections).toBe(0);
    },
  );

  it("NY-13 over a cap it waits until one more fits", async () => {
    const rig = await openRig({ judge: async () => ({ ...AUTONOMOUS, caps: { perHour: 1, perDay: 9 } }) });
    const order = await draft(rig);
    const at = Date.now();
    await screen(rig.world.store, letterOf(rig.world, { at }));
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "wait", until: at + HOUR });
  });

  it("MM-13 taken back while the relay is spoken to: cancelled, and nothing leaves", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    rig.peer.script = async (step, address) => {
      if (step === "rcpt" && address === ANN) await cancel(rig.world, order);
      return undefined;
    };
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "cancelled" });
    expect(rig.peer.taken).toEqual([]);
  });

  it("of another version than the current one nothing is sent", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const { input } = order;
    const look = await lookAt(rig, order);
    const { revision } = look.draft;
    const recipients = to("eve@evil.example");
    const content_hash = contentHash({ ...input, ...revision, recipients, mime: revision.mime.digest });
    const other = { ...look, draft: { ...look.draft, revision: { ...revision, recipients, content_hash } } };
    expect(await sendVersion(rig.deps, input, { ...other, ready: null })).toEqual({ kind: "stale" });
    const elsewhere = { ...input, draft: newId("drf") };
    await expect(sendVersion(rig.deps, elsewhere, { ...look, ready: null })).rejects.toMatchObject({ code: "not_found" });
    expect(rig.peer.connections).toBe(0);
    // What was looked at too early is found in the claim.
    expect(await sendVersion(rig.deps, input, other)).toEqual({ kind: "stale" });
    expect(rig.peer.taken).toEqual([]);
  });
});

describe("DESIGN §9.6 what is sent has the content hash that was approved", () => {
  it("recipients that are no longer those of the hash are not written to", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    inDatabase(rig.world, (db) => {
      db.exec("drop trigger revisions_are_immutable");
      db.prepare("update revisions set recipients_json = ? where draft = ?").run(JSON.stringify(to("eve@evil.example")), order.input.draft);
    });
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "stopped", reason: "content_changed" });
    expect(rig.peer.connections).toBe(0);
  });

  it("bytes that are gone are not sent", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    await rig.site.blobs.remove(order.input.tenant, order.revision.mime.digest);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "stopped", reason: "content_missing" });
  });

  it("a seal that changes them is not sent, whatever it did", async () => {
    const rig = await openRig({
      composer: { seal: async () => Buffer.from(`Date: today\r\n${MIME.toString().replace("hello", "hullo")}`) },
    });
    const order = await draft(rig);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "retry" });
    expect(rig.faults).toEqual(["internal"]);
    expect(rig.peer.commands).toEqual(["EHLO gate.example"]);
  });
});

describe("faults of our own", () => {
  it.each([
    ["seal", (fault: () => never): Partial<SendDeps> => ({ composer: { seal: async () => fault() } })],
    ["signers", (fault: () => never): Partial<SendDeps> => ({ signers: async () => fault() })],
  ])("no %s: nothing is said, the operator is told, it is tried again", async (_, changes) => {
    const fault = (): never => {
      throw new PosternError("invalid_config", "the secret key does not open it");
    };
    const rig = await openRig(changes(fault));
    const order = await draft(rig);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "retry" });
    expect(rig.faults).toEqual(["invalid_config"]);
    expect(await fates(rig.world, letter(order))).toEqual({ [ANN]: "deferred", [BEN]: "deferred" });
  });

  it("a claim whose answer is lost sends nothing, though it was durable, and leaves nothing unknown", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const store = failing(rig.world.store, "sends.claim", "after");
    expect(await sendOnce({ ...rig.deps, store }, order)).toEqual({ kind: "retry" });
    expect(rig.peer.taken).toEqual([]);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken).toHaveLength(1);
  });

  it("what the relay said is recorded though the store is away for a while", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const store = failing(rig.world.store, "sends.record", "before", 2);
    expect(await sendOnce({ ...rig.deps, store }, order)).toEqual({ kind: "done", state: "sent" });
  });

  it("X-06 what cannot be recorded is unknown", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const broken = failing(rig.world.store, "sends.record", "before", Infinity, false);
    await expect(sendOnce({ ...rig.deps, store: broken }, order)).rejects.toMatchObject({ code: "internal" });
    expect(await sendOnce({ ...rig.deps, clock: () => Date.now() + 60_000 }, order)).toEqual({ kind: "unknown" });
    expect(rig.peer.taken).toHaveLength(1);
  });

  it("a transport that fails after its claim has sent nobody knows what", async () => {
    const rig = await openRig();
    const transport: SendDeps["transport"] = {
      kind: "smtp",
      close: async () => {},
      send: async ({ envelope }, claim) => {
        await claim(envelope.recipients);
        throw new TypeError("a mistake");
      },
    };
    const order = await draft(rig);
    expect(await sendOnce({ ...rig.deps, transport }, order)).toEqual({ kind: "unknown" });
    expect(rig.faults).toEqual(["TypeError"]);
  });
});

describe("being asked to end", () => {
  it("before the claim it ends, and the next go sends it", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const cancel = new AbortController();
    rig.peer.script = (step) => (step === "mail" ? (cancel.abort(), HANG) : undefined);
    expect(await sendOnce(rig.deps, order, { signal: cancel.signal })).toEqual({ kind: "retry" });
    rig.peer.script = () => undefined;
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken).toHaveLength(1);
  });

  it.each([{}, { isQuick: true }])("after the claim it carries the transaction to its end (%j)", async (how) => {
    const rig = await openRig();
    const cancel = new AbortController();
    rig.peer.script = (step) => {
      if (step === "data") cancel.abort();
      return undefined;
    };
    expect(await sendOnce(rig.deps, await draft(rig), { signal: cancel.signal, ...how })).toEqual({ kind: "done", state: "sent" });
  });
});

describe("a quick go that is asked to end", () => {
  it("before the claim records nothing: the next go is the first", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const cancel = new AbortController();
    rig.peer.script = (step) => (step === "mail" ? (cancel.abort(), HANG) : undefined);
    expect(await sendOnce(rig.deps, order, { signal: cancel.signal, isQuick: true })).toEqual({ kind: "late" });
    expect(await draftOf(rig.world, letter(order))).toMatchObject({ state: "queued" });
    expect(await fates(rig.world, letter(order))).toEqual({ [ANN]: "pending", [BEN]: "pending" });
    rig.peer.script = () => undefined;
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken).toHaveLength(1);
  });

  it("X-06 while its claim is asked leaves nothing unknown, though the answer is lost", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const cancel = new AbortController();
    const lost = failing(rig.world.store, "sends.claim", "after");
    const store = heard(lost, (name) => name === "sends.claim" && cancel.abort());
    expect(await sendOnce({ ...rig.deps, store }, order, { signal: cancel.signal, isQuick: true })).toEqual({ kind: "retry" });
    expect(rig.peer.taken).toEqual([]);
    expect(await sendOnce(rig.deps, order)).toEqual({ kind: "done", state: "sent" });
    expect(rig.peer.taken).toHaveLength(1);
  });

  it("comes to what any other does, when it is not", async () => {
    const rig = await openRig();
    rig.peer.script = (step) => (step === "rcpt" ? "550 5.1.1 no" : undefined);
    expect(await sendOnce(rig.deps, await draft(rig), { isQuick: true })).toEqual({ kind: "done", state: "failed" });
    rig.peer.script = (step) => (step === "mail" ? CUT : undefined);
    expect(await sendOnce(rig.deps, await draft(rig), { isQuick: true })).toEqual({ kind: "retry" });
  });
});

describe("the sandbox", () => {
  it("X-29 keeps what would have left, where it can be listed and read", async () => {
    const rig = await openRig();
    const { world, site } = rig;
    const order = await draft(rig);
    expect(await sendOnce({ ...rig.deps, transport: transportTo(null, site) }, order)).toEqual({ kind: "done", state: "sent" });
    const [mail, ...others] = (await world.store.run("sink.list", { tenant: world.tenant, limit: 9 })).items;
    expect(others).toEqual([]);
    expect(mail).toMatchObject({ mailbox: world.mailbox, draft: order.input.draft, recipients: [ANN, BEN] });
    const bytes = await site.blobs.get(world.tenant, mail!.message.digest);
    expect(bytes!.subarray(-MIME.length).equals(MIME)).toBe(true);
    expect(rig.peer.connections).toBe(0);
  });

  it("keeps nothing that was not claimed", async () => {
    const rig = await openRig();
    const order = await draft(rig);
    const kept: unknown[] = [];
    const transport = createSandbox({ put: async (mail) => void kept.push(mail) });
    const cancel = new AbortController();
    cancel.abort();
    expect(await sendOnce({ ...rig.deps, transport }, order, { signal: cancel.signal })).toEqual({ kind: "retry" });
    const broken = failing(rig.world.store, "sends.claim", "before");
    expect(await sendOnce({ ...rig.deps, transport, store: broken }, order)).toEqual({ kind: "retry" });
    expect(kept).toEqual([]);
  });

  it("what it fails to keep is unknown", async () => {
    const rig = await openRig();
    const transport = createSandbox({
      put: async () => {
        throw new PosternError("unavailable", "the disk is full", { temporary: true });
      },
    });
    expect(await sendOnce({ ...rig.deps, transport }, await draft(rig))).toEqual({ kind: "unknown" });
  });
});

async function stop({ store, tenant, mailbox }: OutboundWorld): Promise<void> {
  await store.run("oversight.stop", { tenant, target: { mailbox }, stopped: true, actor: "postern", at: 1, ...fresh() });
}

async function putPolicy({ store, tenant, mailbox }: OutboundWorld): Promise<void> {
  const document = JSON.stringify({ senders: [] });
  await store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest: newId("pol"), document, at: 1, actor: "postern" });
}

async function cancel(world: OutboundWorld, order: Order): Promise<void> {
  const approval = approvalOf({ ...letterOf(world), ...order }, world.author, Date.now());
  expect(await world.store.run("holds.decide", { ...approval, action: "cancel" })).toMatchObject({ result: "accepted" });
}

/** The store, away when it is asked for `operation`, so many times. */
function failing(store: Store, operation: string, when: "before" | "after", times = 1, temporary = true): Store {
  let left = times;
  const away = new PosternError(temporary ? "unavailable" : "internal", "the store is away", { temporary });
  return {
    watch: (key, timeoutMs) => store.watch(key, timeoutMs),
    close: () => store.close(),
    async run(name, args) {
      const fails = name === operation && left > 0;
      if (fails) left -= 1;
      if (fails && when === "before") throw away;
      const result = await store.run(name, args);
      if (fails) throw away;
      return result;
    },
  };
}
