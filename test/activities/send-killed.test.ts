import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import type { KeyId } from "../../src/model/ids.ts";
import type { Store } from "../../src/store/contract.ts";
import { attemptOf } from "../store/hold-samples.ts";
import { addKey, setMode, to } from "../store/outbound-samples.ts";
import { addTenant, newDomain } from "../store/samples.ts";
import { tempDirectory } from "../store/world.ts";
import { SmtpPeer, type PeerStep } from "../support/smtp-peer.ts";
import type { Task } from "./send-process.ts";
import { draftAt, type Author } from "./drafting.ts";
import { depsOf, openSite, sendOnce, transportTo, type Order, type Site } from "./sending.ts";

const CHILD = fileURLToPath(new URL("./send-process.ts", import.meta.url));
const RECIPIENTS = ["ann@acme.example", "ben@other.example"];
/** More than the sockets between us hold, so that there is a middle. */
const MIME = Buffer.from(`Subject: hello\r\n\r\n${"x".repeat(70).concat("\r\n").repeat(30_000)}`);

interface Scene extends Author {
  readonly directory: string;
  readonly approver: KeyId;
  readonly order: Order;
}

/** A draft that may go, in a directory that nobody has open. */
async function setScene(): Promise<Scene> {
  const directory = await tempDirectory();
  const site = await openSite(directory);
  const { store } = site;
  const place = await addTenant(store, newDomain());
  const [author, approver] = [await addKey(store, place.tenant, ["send"]), await addKey(store, place.tenant, ["oversight"])];
  setMode({ ...place, store, path: join(directory, "postern.db") }, "autonomous");
  const order = await draftAt(site, { ...place, author }, MIME, { recipients: to(...RECIPIENTS) });
  await site.close();
  return { ...place, directory, author, approver, order };
}

/** Runs the activity in a process of its own until it dies, or ends; what it returned, or null. */
async function runProcess(task: Task, onStart: (child: ChildProcess) => void = () => undefined): Promise<unknown> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], { stdio: ["ignore", "pipe", "inherit"] });
  onStart(child);
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal === "SIGKILL" || code === 0).toBe(true);
  return said === "" ? null : JSON.parse(said);
}

async function reopen({ directory }: Scene): Promise<Site> {
  const site = await openSite(directory);
  onTestFinished(() => site.close());
  return site;
}

/** Goes at it like the workflow, until there is nothing left to do at once. */
async function carryOn(site: Site, { order }: Scene, port: number | null) {
  const transport = transportTo(port, site);
  onTestFinished(() => transport.close());
  const results = [];
  for (let tried = 0; tried < 3; tried += 1) {
    results.push(await sendOnce(depsOf(site, transport), order));
    if (results.at(-1)!.kind !== "retry") break;
  }
  return results.at(-1)!;
}

function fatesOf(store: Store, { tenant, order }: Scene) {
  return store.run("drafts.deliveries", { tenant, draft: order.input.draft }).then((rows) => rows.map(({ state }) => state));
}

async function say(store: Store, { tenant, mailbox, approver, order }: Scene, action: "resend" | "settle") {
  const { draft } = order.input;
  const world = { store, path: "", tenant, mailbox };
  const attempt = attemptOf(world, draft, action, approver, { at: Date.now() });
  expect(await store.run("sends.settle", { tenant, draft, action, attempt })).toMatchObject({ result: "accepted" });
}

/** How often each recipient may have been given it: every final dot that the peer has heard. */
function given({ taken }: SmtpPeer): readonly number[] {
  return RECIPIENTS.map((recipient) => taken.filter(({ recipients }) => recipients.includes(recipient)).length);
}

type Death = { readonly step: PeerStep } | NonNullable<Task["dies"]>;

const BEFORE_CLAIM: readonly Death[] = [
  { when: "before", operation: "sends.open" },
  { when: "after", operation: "sends.open" },
  { step: "connect" },
  { step: "ehlo" },
  { step: "mail" },
  { step: "rcpt" },
  { when: "before", operation: "sends.claim" },
];

const AFTER_CLAIM: readonly Death[] = [
  { when: "after", operation: "sends.claim" },
  { step: "data" },
  { step: "content" },
  { step: "dot" },
  { when: "before", operation: "sends.record" },
];

function named(deaths: readonly Death[]): readonly (readonly [string, Death])[] {
  return deaths.map((death) => ["step" in death ? `at ${death.step}` : `${death.when} ${death.operation}`, death]);
}

/** The peer kills the process when it hears the step, before it answers; or the process kills itself. */
async function dieAt(scene: Scene, death: Death): Promise<SmtpPeer> {
  const peer = await SmtpPeer.start();
  onTestFinished(() => peer.close());
  let victim: ChildProcess | null = null;
  peer.script = async (step) => {
    if (!("step" in death) || step !== death.step) return undefined;
    victim!.kill("SIGKILL");
    await once(victim!, "close");
    return undefined;
  };
  const task = { directory: scene.directory, port: peer.port, order: scene.order, dies: "step" in death ? null : death };
  expect(await runProcess(task, (child) => (victim = child))).toBeNull();
  peer.script = () => undefined;
  return peer;
}

describe("X-06 a worker killed while it sends", () => {
  it.each(named(BEFORE_CLAIM))("%s: nothing had gone out, so the next one sends it, once", async (_, death) => {
    const scene = await setScene();
    const peer = await dieAt(scene, death);
    expect(given(peer)).toEqual([0, 0]);
    const site = await reopen(scene);
    expect(await carryOn(site, scene, peer.port)).toEqual({ kind: "done", state: "sent" });
    expect(given(peer)).toEqual([1, 1]);
    expect(await carryOn(site, scene, peer.port)).toEqual({ kind: "done", state: "sent" });
    expect(given(peer)).toEqual([1, 1]);
  });

  it.each(named(AFTER_CLAIM))("%s: nobody knows, so nobody tries again until a person has spoken", async (_, death) => {
    const scene = await setScene();
    const peer = await dieAt(scene, death);
    const before = given(peer);
    expect(Math.max(...before)).toBeLessThanOrEqual(1);
    const site = await reopen(scene);
    for (let asked = 0; asked < 2; asked += 1) expect(await carryOn(site, scene, peer.port)).toEqual({ kind: "unknown" });
    expect(given(peer)).toEqual(before);
    expect(await fatesOf(site.store, scene)).toEqual(["unknown", "unknown"]);
    // One who has seen it in somebody's inbox, or who orders it sent once more.
    const seen = before[0] === 1;
    await say(site.store, scene, seen ? "settle" : "resend");
    expect(await carryOn(site, scene, peer.port)).toEqual({ kind: "done", state: "sent" });
    expect(given(peer)).toEqual([1, 1]);
  });

  it("after sends.record: what was recorded stands", async () => {
    const scene = await setScene();
    const peer = await dieAt(scene, { when: "after", operation: "sends.record" });
    const site = await reopen(scene);
    expect(await carryOn(site, scene, peer.port)).toEqual({ kind: "done", state: "sent" });
    expect(given(peer)).toEqual([1, 1]);
  });

  it("nowhere: it is done", async () => {
    const scene = await setScene();
    const peer = await SmtpPeer.start();
    onTestFinished(() => peer.close());
    const task = { directory: scene.directory, port: peer.port, order: scene.order, dies: null };
    expect(await runProcess(task)).toEqual({ kind: "done", state: "sent" });
    expect(peer.taken.map(({ content }) => content.endsWith(MIME.toString()))).toEqual([true]);
  });
});

describe("X-06 the same with the sandbox", () => {
  async function sunk(store: Store, { tenant }: Scene): Promise<number> {
    return (await store.run("sink.list", { tenant, limit: 9 })).items.length;
  }

  it.each([
    ["before", "sends.claim", "sent", 0],
    ["after", "sends.claim", "unknown", 0],
    ["before", "sink.put", "unknown", 0],
    ["after", "sink.put", "unknown", 1],
    ["before", "sends.record", "unknown", 1],
    ["after", "sends.record", "sent", 1],
  ] as const)("killed %s %s", async (when, operation, end, kept) => {
    const scene = await setScene();
    expect(await runProcess({ directory: scene.directory, port: null, order: scene.order, dies: { when, operation } })).toBeNull();
    const site = await reopen(scene);
    expect(await sunk(site.store, scene)).toBe(kept);
    const result = await carryOn(site, scene, null);
    expect(result).toEqual(end === "sent" ? { kind: "done", state: "sent" } : { kind: "unknown" });
    expect(await sunk(site.store, scene)).toBe(end === "sent" ? 1 : kept);
  });
});
