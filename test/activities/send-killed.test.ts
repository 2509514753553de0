import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { SendResult } from "../../activities/send.ts";
import type { KeyId } from "../../src/model/ids.ts";
import { attemptOf } from "../store/hold-samples.ts";
import { addKey, setMode, to } from "../store/outbound-samples.ts";
import { addTenant, newDomain } from "../store/samples.ts";
import { SmtpPeer, type PeerStep } from "../support/smtp-peer.ts";
import { draftAt, type Author } from "./drafting.ts";
import type { Task } from "./send-process.ts";
import { depsOf, openSite, sendOnce, transportTo, type Order } from "./sending.ts";

const CHILD = fileURLToPath(new URL("./send-process.ts", import.meta.url));
const RECIPIENTS = ["ann@acme.example", "ben@other.example"];
/** More than the sockets between us hold, so that there is a middle. */
const MIME = Buffer.from(`Subject: hello\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(30_000)}`);

/** Where a worker dies: the peer hears a step, or an operation of the store is about to begin or is durable. */
type Death = { readonly step: PeerStep } | NonNullable<Task["dies"]>;

const BEFORE_CLAIM: readonly Death[] = [
  { when: "after", operation: "sends.look" },
  { step: "ehlo" },
  { step: "mail" },
  { step: "rcpt" },
  { when: "before", operation: "sends.claim" },
];

/** The relay has heard the final dot. */
const AFTER_DOT: readonly Death[] = [{ step: "dot" }, { when: "before", operation: "sends.record" }];

const AFTER_CLAIM: readonly Death[] = [{ when: "after", operation: "sends.claim" }, { step: "data" }, { step: "content" }, ...AFTER_DOT];

const AFTER_RECORD: Death = { when: "after", operation: "sends.record" };

/** With how many mails are in the sink then. */
const IN_SANDBOX = [
  [{ when: "after", operation: "sends.claim" }, 0],
  [{ when: "after", operation: "sink.put" }, 1],
] as const;

/** One draft, the worker that died with it, and the relay it spoke to; without one it was the sandbox. */
interface Case {
  readonly order: Order;
  readonly peer: SmtpPeer | null;
}

const cases = new Map<Death, Case>();
let author: Author & { readonly approver: KeyId };
let site: Awaited<ReturnType<typeof openSite>>;
let directory: string;

// One process at a time may have the store: all workers die first, one after the other, and then it is looked at.
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-killed-"));
  const deaths = [...BEFORE_CLAIM, ...AFTER_CLAIM, AFTER_RECORD, ...IN_SANDBOX.map(([death]) => death)];
  const orders = await submit(deaths.length);
  for (const [index, death] of deaths.entries()) {
    const peer = IN_SANDBOX.some(([one]) => one === death) ? null : await SmtpPeer.start();
    cases.set(death, { order: orders[index]!, peer });
    await die(death, cases.get(death)!);
  }
  site = await openSite(directory);
}, 180_000);

afterAll(async () => {
  await site.close();
  for (const { peer } of cases.values()) await peer?.close();
  await rm(directory, { recursive: true, force: true });
});

async function submit(count: number): Promise<readonly Order[]> {
  const first = await openSite(directory);
  const { store } = first;
  const place = await addTenant(store, newDomain());
  author = { ...place, author: await addKey(store, place.tenant, ["send"]), approver: await addKey(store, place.tenant, ["oversight"]) };
  setMode({ ...place, store, path: join(directory, "postern.db") }, "autonomous");
  const orders: Order[] = [];
  while (orders.length < count) orders.push(await draftAt(first, author, MIME, { recipients: to(...RECIPIENTS) }));
  await first.close();
  return orders;
}

/** Runs the activity in a process of its own, which is killed without warning. */
async function die(death: Death, { order, peer }: Case): Promise<void> {
  const dies = "step" in death ? null : death;
  const task: Task = { directory, port: peer?.port ?? null, order, dies };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
  if (peer !== null) peer.script = (step) => ("step" in death && step === death.step ? kill(child) : undefined);
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  if (peer !== null) peer.script = () => undefined;
}

/** Gone before it is answered. */
async function kill(child: ChildProcess): Promise<undefined> {
  child.kill("SIGKILL");
  await once(child, "close");
}

/** Goes at it like the workflow when nobody is believed to be at it any more, until there is nothing left to do at once. */
async function carryOn({ order, peer }: Case, clock = () => Date.now() + 60_000): Promise<SendResult> {
  const transport = transportTo(peer?.port ?? null, site);
  onTestFinished(() => transport.close());
  for (let tried = 0; ; tried += 1) {
    const result = await sendOnce(depsOf(site, transport, { clock }), order);
    if (result.kind !== "retry" || tried === 3) return result;
  }
}

/** How often each recipient may have been given it: every final dot that the relay has heard. */
function given({ peer }: Case): readonly number[] {
  return RECIPIENTS.map((recipient) => peer!.taken.filter(({ recipients }) => recipients.includes(recipient)).length);
}

async function say({ order }: Case, action: "resend" | "settle"): Promise<void> {
  const { draft } = order.input;
  const attempt = attemptOf({ ...author, store: site.store, path: "" }, draft, action, author.approver, { at: Date.now() });
  expect(await site.store.run("sends.settle", { tenant: author.tenant, draft, action, attempt })).toMatchObject({ result: "accepted" });
}

function named(deaths: readonly Death[]): readonly (readonly [string, Death])[] {
  return deaths.map((death) => ["step" in death ? `at ${death.step}` : `${death.when} ${death.operation}`, death]);
}

describe("X-06 a worker killed while it sends", () => {
  it.each(named(BEFORE_CLAIM))("%s: nothing had gone out, so the next one sends it, once", async (_, death) => {
    const one = cases.get(death)!;
    expect(given(one)).toEqual([0, 0]);
    for (let asked = 0; asked < 2; asked += 1) {
      expect(await carryOn(one)).toEqual({ kind: "done", state: "sent" });
      expect(given(one)).toEqual([1, 1]);
    }
    expect(one.peer!.taken[0]!.content.endsWith(MIME.toString())).toBe(true);
  });

  it.each(named(AFTER_CLAIM))("%s: nobody knows, so nobody tries again until a person has spoken", async (_, death) => {
    const one = cases.get(death)!;
    const before = given(one);
    expect(before).toEqual(AFTER_DOT.includes(death) ? [1, 1] : [0, 0]);
    // At first nobody can tell that it is not only slow.
    expect(await carryOn(one, () => Date.now() - 60_000)).toMatchObject({ kind: "wait" });
    for (let asked = 0; asked < 2; asked += 1) expect(await carryOn(one)).toEqual({ kind: "unknown" });
    expect(given(one)).toEqual(before);
    const rows = await site.store.run("drafts.deliveries", { tenant: author.tenant, draft: one.order.input.draft });
    expect(rows.map(({ state }) => state)).toEqual(["unknown", "unknown"]);
    // Somebody has seen it in an inbox, or orders it sent once more.
    await say(one, before[0] === 1 ? "settle" : "resend");
    expect(await carryOn(one)).toEqual({ kind: "done", state: "sent" });
    expect(given(one)).toEqual([1, 1]);
  });

  it("after sends.record: what was recorded stands", async () => {
    const one = cases.get(AFTER_RECORD)!;
    expect(await carryOn(one)).toEqual({ kind: "done", state: "sent" });
    expect(given(one)).toEqual([1, 1]);
  });

  it.each(IN_SANDBOX)("with the sandbox the same: %j, with %i kept, is unknown", async (death, kept) => {
    const one = cases.get(death)!;
    const sunk = async (): Promise<number> => {
      const { items } = await site.store.run("sink.list", { tenant: author.tenant, limit: 100 });
      return items.filter(({ draft }) => draft === one.order.input.draft).length;
    };
    expect(await sunk()).toBe(kept);
    expect(await carryOn(one)).toEqual({ kind: "unknown" });
    expect(await sunk()).toBe(kept);
  });
});
