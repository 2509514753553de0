import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { PosternError } from "../../src/model/errors.ts";
import { chooseSeed, Random } from "../durability/random.ts";
import { Site } from "../durability/site.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";
import { SmtpPeer, type PeerStep } from "../support/smtp-peer.ts";
import { Book } from "../outbound/book.ts";
import { codeOf, LETTER, type Draft } from "../outbound/world.ts";

const executable = inject("temporalExecutable");
const DRAFTS = 24;
const DECIDE = "/v1/oversight/decide";
/** A worker that died while it sent is missed after half a minute; its successor begins a minute later at most. */
const SOON_ENOUGH = 150_000;

let site: Site;
let peer: SmtpPeer;
let book: Book;
let gated: string;
let open: string;
let agent: string;
let strict: string;
let overseer: Client;
let second: Client;

const NOT_OURS = executable === null ? OTHERS_SERVER : null;

describe.skipIf(executable === null)(`X-06 the service and Temporal killed${skippedFor(NOT_OURS)}`, { timeout: 240_000 }, () => {
  beforeAll(async () => {
    peer = await SmtpPeer.start();
    site = await Site.start({ executable: executable!, signers: [], env: { POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}` } });
    book = new Book(site.dataDir);
    [gated, open] = [await mailbox("gated", null), await mailbox("open", "autonomous")];
    strict = await mailbox("strict", null, { quorum: 2 });
    agent = await key("send", "read");
    [overseer, second] = [site.as(await key("oversight")), site.as(await key("oversight"))];
  });
  afterAll(async () => {
    await site?.close();
    await peer?.close();
  });
  beforeEach(() => {
    peer.script = () => undefined;
  });

  it("at random moments between submitting and sending: nobody gets a mail twice, what is uncertain is unknown, who agreed before has agreed", async () => {
    const random = new Random(chooseSeed());
    const held = await halfApproved("service");
    const hits = killing({ data: "killed-at-data@elsewhere.example", dot: "killed-at-dot@elsewhere.example" }, random);
    const submitting = submitAll();
    await hits;
    await delay(200 + random.below(1_500));
    await site.crashService();
    const submitted = await submitting;
    await agreeAgain(held);
    const ended = await Promise.all(submitted.map((each) => until(each.draft, "sent", "unknown")));
    for (const [index, { status, deliveries }] of ended.entries()) {
      const { draft, recipient } = submitted[index]!;
      const claims = book.claims(draft);
      expect(given(recipient), recipient).toBeLessThanOrEqual(1);
      expect(claims, "nobody who may have it is tried again").toHaveLength(1);
      expect(deliveries.map(({ state }) => state)).toEqual([status === "sent" ? "accepted" : "unknown"]);
      if (status === "sent") expect(given(recipient), recipient).toBe(1);
      else expect(claims[0]).toMatchObject({ phase: "unknown" });
    }
    expect(new Set(submitted.map(({ draft }) => draft)).size, "NY-12 one key, one draft").toBe(submitted.length);
    const fate = (recipient: string) => ended[submitted.findIndex((each) => each.recipient === recipient)]!;
    expect([fate("killed-at-data@elsewhere.example").status, fate("killed-at-dot@elsewhere.example").status]).toEqual([
      "unknown",
      "unknown",
    ]);
    await settle(fate("killed-at-data@elsewhere.example"), { action: "resend" });
    await settle(fate("killed-at-dot@elsewhere.example"), { action: "settle", as: "sent" });
    expect([given("killed-at-data@elsewhere.example"), given("killed-at-dot@elsewhere.example")]).toEqual([1, 1]);
  });

  it.each([
    ["Temporal", () => site.crashTemporal(500)],
    ["both", () => site.crashBoth()],
  ])("%s while a draft waits for people: who agreed before has agreed, and who agrees afterwards counts", async (what, crash) => {
    const held = await halfApproved(what.toLowerCase());
    await crash();
    await agreeAgain(held);
  });

  it("both while people are being answered: what they were told is approved leaves once", async () => {
    const random = new Random(chooseSeed());
    const names = Array.from({ length: 12 }, (_, index) => `answered-${index}`);
    const drafts = await Promise.all(names.map((name) => submit(gated, `${name}@elsewhere.example`, name)));
    const answered: Draft["id"][] = [];
    const last = Promise.withResolvers<void>();
    const enough = 1 + random.below(8);
    const approving = async (draft: Draft["id"]): Promise<void> => {
      await overseer.send("POST", DECIDE, { email_id: draft, action: "approve" });
      answered.push(draft);
      if (answered.length === enough) last.resolve();
    };
    const asking = Promise.allSettled(drafts.map(approving));
    await last.promise;
    await site.crashBoth();
    await asking;
    expect(answered.length).toBeGreaterThanOrEqual(enough);
    for (const draft of answered) await until(draft, "sent");
    for (const name of names) expect(given(`${name}@elsewhere.example`)).toBeLessThanOrEqual(1);
  });
});

function given(recipient: string): number {
  return peer.taken.filter(({ recipients }) => recipients.includes(recipient)).length;
}

async function mailbox(local: string, mode: string | null, approvals: object = {}): Promise<string> {
  const id = await site.mailbox(`${local}@acme.example`, { defaultAction: "bounce", senders: [], outbound: { approvals } });
  if (mode === null) return id;
  const change = { oversight_mode: mode };
  const { mode_code } = await site.admin.send<{ mode_code: string }>("POST", `/v1/mailboxes/${id}/mode-code`, change);
  await site.admin.send("PATCH", `/v1/mailboxes/${id}`, { ...change, mode_code });
  return id;
}

async function key(...scopes: readonly string[]): Promise<string> {
  return (await site.admin.send<{ key: string }>("POST", "/v1/keys", { name: scopes.join(" "), scopes })).key;
}

interface Submitted {
  readonly draft: Draft["id"];
  readonly recipient: string;
}

/** A draft that one of two has approved. */
async function halfApproved(name: string): Promise<Submitted> {
  const recipient = `held-for-${name}@elsewhere.example`;
  const draft = await submit(strict, recipient, `held for ${name}`);
  await approve(draft, overseer);
  return { draft, recipient };
}

/** The first says it again, which is not a second; then the second does. */
async function agreeAgain({ draft, recipient }: Submitted): Promise<void> {
  expect(await patiently(() => codeOf(overseer.send("POST", DECIDE, { email_id: draft, action: "approve" })))).toBe("already_decided");
  expect(given(recipient)).toBe(0);
  await approve(draft, second);
  await until(draft, "sent");
  expect(given(recipient)).toBe(1);
  const accepted = book.entries(draft).filter(({ action }) => action === "email.approved");
  expect(accepted).toHaveLength(2);
  expect(new Set(accepted.map(({ actor }) => actor)).size, "two people, each once").toBe(2);
}

/** The peer is slow at every step. Once each marked mail has come to its step the service is killed, before either is answered. */
async function killing(marked: Readonly<Partial<Record<PeerStep, string>>>, random: Random): Promise<void> {
  const missing = new Map(Object.entries(marked).map(([step, recipient]) => [recipient, step]));
  const [arrived, killed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const connections = new Map<number, string>();
  peer.script = async (step, argument, connection) => {
    if (step === "rcpt") connections.set(connection, argument);
    const recipient = connections.get(connection) ?? "";
    if (missing.get(recipient) !== step) {
      await delay(random.below(40));
      return undefined;
    }
    missing.delete(recipient);
    if (missing.size === 0) arrived.resolve();
    await killed.promise;
    return undefined;
  };
  await arrived.promise;
  await site.crashService();
  killed.resolve();
}

async function settle({ id }: Draft, word: object): Promise<void> {
  await overseer.send("POST", DECIDE, { email_id: id, ...word, reason: "I asked them" });
  await until(id, "sent");
}

/** Six at once; half of them must be approved, which is done as soon as they are there. */
async function submitAll(): Promise<readonly Submitted[]> {
  const queue = Array.from({ length: DRAFTS }, (_, index) => ({ name: `random-${index}`, gate: index % 2 === 1 }));
  queue.unshift({ name: "killed-at-data", gate: false }, { name: "killed-at-dot", gate: true });
  const submitted: Submitted[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const recipient = `${next.name}@elsewhere.example`;
      const draft = await submit(next.gate ? gated : open, recipient, next.name);
      if (next.gate) await approve(draft, overseer);
      submitted.push({ draft, recipient });
    }
  };
  await Promise.all(Array.from({ length: 6 }, work));
  return submitted;
}

/** As an agent does that keeps its key: the same again until there is an answer. */
function submit(to: string, recipient: string, name: string): Promise<Draft["id"]> {
  return patiently(async () => {
    const response = await fetch(`${(await site.service()).http}/v1/mailboxes/${to}/send`, {
      method: "POST",
      headers: { authorization: `Bearer ${agent}`, "content-type": "application/json", "idempotency-key": name.replaceAll(" ", "-") },
      body: JSON.stringify({ ...LETTER, to: [recipient] }),
    });
    const answer = (await response.json()) as { id: Draft["id"]; code?: string };
    if (response.ok) return answer.id;
    throw new PosternError(answer.code === "in_flight" ? "in_flight" : "unavailable", `${response.status}`, {
      temporary: response.status >= 500 || answer.code === "in_flight",
    });
  });
}

/** Asked again after an answer that was lost, it may have been decided by the very first asking. */
async function approve(draft: Draft["id"], person: Client): Promise<void> {
  const code = await patiently(() => codeOf(person.send("POST", DECIDE, { email_id: draft, action: "approve" })));
  expect(["accepted", "already_decided"]).toContain(code);
}

/** Until it works: what is answered `unavailable`, or not at all because the service is away, may be tried again. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + SOON_ENOUGH;
  for (;;) {
    try {
      const result = await call();
      if (result !== "unavailable") return result;
    } catch (error) {
      const isAway = error instanceof TypeError || (error instanceof PosternError && error.temporary);
      if (!isAway || Date.now() > deadline) throw error;
    }
    await delay(100);
  }
}

async function until(draft: Draft["id"], ...states: readonly string[]): Promise<Draft> {
  const deadline = Date.now() + SOON_ENOUGH;
  for (;;) {
    const now = await patiently(() => site.admin.get<Draft>(`/v1/drafts/${draft}`));
    if (states.includes(now.status)) return now;
    if (Date.now() > deadline) throw new Error(`\`${now.status}\` (${now.reason}) and not ${states.join(" or ")}`);
    await delay(50);
  }
}
