import { expect, it } from "vitest";
import type { OutboundReason } from "../../src/model/outbound.ts";
import type { ScreenProposal } from "../../src/store/contract-outbound.ts";
import { DAY, HOUR, MINUTE, newId, NOON } from "./samples.ts";
import {
  atSending,
  deliveriesOf,
  GATED,
  inDatabase,
  letterOf,
  openAutonomous,
  openOutboundWorld,
  type OutboundWorld,
  questionAbout,
  screen,
  screenedAgain,
  setMode,
  setOverseer,
  suppressionOf,
  to,
} from "./outbound-samples.ts";

function draftOf({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("drafts.get", { tenant, id: input.draft });
}

async function usedOf(world: OutboundWorld, at = NOON): Promise<{ lastHour: number; lastDay: number }> {
  return (await world.store.run("outbound.facts", questionAbout(world, { at })))!.sends;
}

function entriesOf({ store, tenant }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("audit.of_message", { tenant, message: input.message });
}

it("MM-06 what may go is queued: draft, version, deliveries, reservation, decision and its one entry are there together", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world);
  const { decision, wait_until, hold } = await screen(world.store, letter);
  expect(decision).toMatchObject({
    id: letter.decision_id,
    message: letter.input.message,
    direction: "outbound",
    stage: "submit",
    outcome: "queued",
    reason: "mode_autonomous",
    reservations: [{ ledger: "sends", scope: "mailbox", amount: 1 }],
    actor: "postern",
  });
  expect([wait_until, hold]).toEqual([null, null]);
  expect(await draftOf(world, letter)).toEqual({
    id: letter.input.draft,
    tenant: world.tenant,
    mailbox: world.mailbox,
    message: letter.input.message,
    thread: letter.input.thread,
    kind: "draft",
    state: "queued",
    reason: "mode_autonomous",
    mode: "autonomous",
    author: world.author,
    in_reply_to: null,
    send_at: null,
    revision: { ...letter.content, ...letter.revision, created_at: NOON },
    created_at: NOON,
    updated_at: NOON,
    decision: decision.id,
  });
  expect(await deliveriesOf(world, letter.input.draft)).toMatchObject([{ recipient: "anna@acme.example", state: "pending", attempt: 0 }]);
  expect(await usedOf(world)).toEqual({ lastHour: 1, lastDay: 1 });
  expect(await world.store.run("decisions.of_draft", { message: letter.input.message, stage: "submit" })).toEqual(decision);
  const entries = await entriesOf(world, letter);
  expect(entries).toHaveLength(1);
  expect(JSON.parse(entries[0]!.leaf)).toMatchObject({
    decision: decision.id,
    stage: "submit",
    draft: { id: letter.input.draft, round: 1, revision: 1, content_hash: letter.revision.content_hash },
    ...letter.trace,
  });
  for (const secret of ["@", "dinner"]) expect(entries[0]!.leaf).not.toContain(secret);
  expect(entries[0]!.details).toMatchObject({ subject: "dinner at eight", recipients: letter.content.recipients });
});

it("MM-04 what people must see waits, with the terms of the mailbox's policy, and is charged like any other", async () => {
  const world = await openOutboundWorld();
  const letter = letterOf(world, { proposal: GATED });
  const { decision, hold } = await screen(world.store, letter);
  expect(decision).toMatchObject({ outcome: "pending_send_approval", reason: "mode_gated_send" });
  expect(hold).toEqual({ remind_at: NOON + 3.5 * DAY, escalate_at: NOON + 5.6 * DAY, expires_at: NOON + 7 * DAY });
  expect(await draftOf(world, letter)).toMatchObject({ state: "pending_send_approval" });
  const row = inDatabase(world, (db) => db.prepare("select * from holds where id = ?").get(letter.input.draft));
  expect(row).toMatchObject({
    direction: "outbound",
    kind: "send",
    status: "waiting",
    reason: "mode_gated_send",
    subject: "dinner at eight",
    to_json: '["anna@acme.example"]',
    author: world.author,
    content_hash: letter.revision.content_hash,
    quorum: 1,
    approvers_json: "[]",
  });
  expect(await usedOf(world)).toEqual({ lastHour: 1, lastDay: 1 });
});

it("NY-08 what is blocked has a row, a version and a decision, no delivery and no charge", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world, { proposal: { outcome: "blocked", reason: "block_list", judged_at: "lists" } });
  const { decision } = await screen(world.store, letter);
  expect(decision).toMatchObject({ outcome: "blocked", reason: "block_list", judged_at: "lists", reservations: [] });
  expect(await draftOf(world, letter)).toMatchObject({ state: "blocked", reason: "block_list", decision: decision.id });
  expect(await deliveriesOf(world, letter.input.draft)).toEqual([]);
  expect(await usedOf(world)).toEqual({ lastHour: 0, lastDay: 0 });
  expect(await entriesOf(world, letter)).toHaveLength(1);
});

it("PB-06 NY-13 over a cap there is no row, no charge and no entry, and another run is judged afresh", async () => {
  const world = await openAutonomous();
  const caps = { perHour: 1, perDay: 2 };
  const letters = [0, 1, 2].map(() => letterOf(world, { proposal: { caps } }));
  const [first, second, third] = letters as [ScreenProposal, ScreenProposal, ScreenProposal];
  await screen(world.store, first);
  const limited = await screen(world.store, second);
  expect(limited.decision).toMatchObject({ outcome: "rate_limited", reason: "send_limit_per_hour", judged_at: "caps", reservations: [] });
  expect(limited.wait_until).toBe(NOON + HOUR);
  expect(await draftOf(world, second)).toBeNull();
  expect(await entriesOf(world, second)).toEqual([]);
  expect(await usedOf(world)).toEqual({ lastHour: 1, lastDay: 1 });
  const { message } = second.input;
  const { run_id } = second.trace;
  expect(await world.store.run("decisions.of_submit", { message, run: run_id })).toEqual(limited.decision);
  expect(await world.store.run("decisions.of_submit", { message, run: "another" })).toBeNull();
  expect(await world.store.run("decisions.of_draft", { message, stage: "submit" })).toBeNull();
  const row = await world.store.run("decisions.get", { tenant: world.tenant, id: limited.decision.id });
  expect(row).toMatchObject({ final: false });

  expect((await screen(world.store, screenedAgain(second, { at: NOON + HOUR }))).decision).toEqual(limited.decision);
  const later = screenedAgain(second, { run: "another", at: NOON + HOUR });
  expect((await screen(world.store, later)).decision).toMatchObject({ outcome: "queued" });
  expect(await world.store.run("decisions.of_submit", { message, run: run_id })).toMatchObject({ outcome: "queued" });
  const day = await screen(world.store, screenedAgain(third, { at: NOON + 2 * HOUR }));
  expect(day).toMatchObject({ decision: { reason: "send_limit_per_day" }, wait_until: NOON + DAY });
});

it("NY-13 what the policy found over its cap is refused, though the window has moved on", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world, { proposal: { outcome: "rate_limited", reason: "send_limit_per_hour", judged_at: "caps" } });
  expect(await screen(world.store, letter)).toMatchObject({ decision: { outcome: "rate_limited" }, wait_until: NOON });
  expect(await draftOf(world, letter)).toBeNull();
});

it("the same run and any other are told what was decided, and nothing is charged twice", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world);
  const first = await screen(world.store, letter);
  for (const again of [{}, { run: "another" }, { outcome: "blocked", reason: "block_list" } as const]) {
    expect(await screen(world.store, screenedAgain(letter, again))).toEqual({ ...first, ready: null });
  }
  expect(await usedOf(world)).toEqual({ lastHour: 1, lastDay: 1 });
  expect(await entriesOf(world, letter)).toHaveLength(1);
  const waiting = letterOf(world, { proposal: GATED });
  const held = await screen(world.store, waiting);
  expect(await screen(world.store, screenedAgain(waiting))).toEqual(held);
});

const MOVED: readonly [OutboundReason, (world: OutboundWorld) => Promise<unknown>][] = [
  ["stopped_tenant", async (world) => stop(world, "tenant", world.tenant)],
  ["stopped_agent", async (world) => stop(world, "agent", "assistant")],
  ["stopped_mailbox", async (world) => stop(world, "mailbox", world.mailbox)],
  ["author_key_revoked", (world) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: NOON })],
  ["mode_read_only", async (world) => setMode(world, "read_only")],
  ["suppressed", (world) => world.store.run("suppressions.put", suppressionOf(world.tenant, "anna@acme.example"))],
];

function stop(world: OutboundWorld, kind: string, id: string): void {
  inDatabase(world, (db) => db.prepare("insert into stops values (?, ?, ?, ?)").run(world.tenant, kind, id, NOON));
}

it.each(MOVED)("X-27 NY-01 MM-02 PB-20 what moved after the facts were read counts: %s", async (reason, move) => {
  const world = await openAutonomous();
  await move(world);
  for (const proposal of [{}, GATED]) {
    const letter = letterOf(world, {
      recipients: to("Anna@acme.example", "bob@acme.example"),
      proposal: { ...proposal, caps: { perHour: 0, perDay: 0 } },
    });
    expect((await screen(world.store, letter)).decision).toMatchObject({ outcome: "blocked", reason });
    expect(await draftOf(world, letter)).toMatchObject({ state: "blocked", reason });
  }
});

it("PB-20 one suppressed recipient refuses the whole draft, and the decision says by number who it is", async () => {
  const world = await openAutonomous();
  const { store, tenant } = world;
  for (const name of ["bob", "eve"]) await store.run("suppressions.put", suppressionOf(tenant, `${name}@acme.example`));
  const letter = letterOf(world, { recipients: to("anna@acme.example", "Bob@acme.example", "eve@acme.example") });
  const { decision } = await screen(store, letter);
  expect(decision.findings).toMatchObject([1, 2].map((recipient) => ({ guard: "recipients", code: "suppressed", recipient })));
  expect(JSON.stringify(decision)).not.toContain("@");
});

it("MM-04 a mailbox whose mode was lowered meanwhile queues nothing past its people", async () => {
  const world = await openAutonomous();
  for (const mode of ["gated_send", "gated_all"] as const) {
    setMode(world, mode);
    const letter = letterOf(world);
    const { decision, hold } = await screen(world.store, letter);
    expect(decision).toMatchObject({ outcome: "pending_send_approval", reason: `mode_${mode}`, judged_at: "oversight" });
    expect(hold).not.toBeNull();
    expect(await draftOf(world, letter)).toMatchObject({ mode });
  }
  setMode(world, "monitored");
  setOverseer(world, null);
  expect((await screen(world.store, letterOf(world))).decision).toMatchObject({ outcome: "pending_send_approval" });
  setOverseer(world, "eye@acme.example");
  const letter = letterOf(world);
  expect((await screen(world.store, letter)).decision).toMatchObject({ outcome: "queued" });
  expect(await draftOf(world, letter)).toMatchObject({ mode: "monitored" });
});

it("MM-05 the overseer's copy asks neither caps, people, mode nor author, and is held back by a stop or a suppression", async () => {
  const world = await openOutboundWorld();
  const { store, tenant } = world;
  await store.run("keys.revoke", { tenant, id: world.author, at: NOON });
  setMode(world, "read_only");
  setOverseer(world, "anna@acme.example");
  const copyOf = () => letterOf(world, { input: { kind: "copy" }, proposal: { caps: { perHour: 0, perDay: 0 }, reason: "copy" } });
  const copy = copyOf();
  expect((await screen(store, copy)).decision).toMatchObject({ outcome: "queued", reservations: [] });
  expect((await screen(store, atSending(copy))).decision).toMatchObject({ outcome: "queued" });
  expect(await usedOf(world)).toEqual({ lastHour: 0, lastDay: 0 });
  await store.run("suppressions.put", suppressionOf(tenant, "anna@acme.example"));
  expect((await screen(store, copyOf())).decision).toMatchObject({ outcome: "blocked", reason: "suppressed" });
  stop(world, "mailbox", world.mailbox);
  expect((await screen(store, copyOf())).decision).toMatchObject({ outcome: "blocked", reason: "stopped_mailbox" });
});

it("MM-05 what is called a copy and is for anybody but the overseer is blocked, in the strictest mode and the freest", async () => {
  const world = await openOutboundWorld();
  const copyFor = (...addresses: readonly string[]) =>
    screen(world.store, letterOf(world, { input: { kind: "copy" }, recipients: to(...addresses), proposal: { reason: "copy" } }));
  const refused = { decision: { outcome: "blocked", reason: "allow_list", judged_at: "lists" } };
  expect(await copyFor("anna@acme.example")).toMatchObject(refused);
  setOverseer(world, "anna@acme.example");
  for (const mode of ["gated_all", "autonomous"] as const) {
    setMode(world, mode);
    expect(await copyFor("mallory@other.example")).toMatchObject(refused);
    expect(await copyFor("anna@acme.example", "mallory@other.example")).toMatchObject(refused);
    expect(await copyFor("Anna@acme.example")).toMatchObject({ decision: { outcome: "queued" } });
  }
});

it("a draft that calls another's message its own is no draft", async () => {
  const world = await openAutonomous();
  const [sent, thief] = [letterOf(world), newId("drf")];
  await screen(world.store, sent);
  const forged = letterOf(world, { input: { draft: thief, message: sent.input.message } });
  await expect(screen(world.store, forged)).rejects.toMatchObject({ code: "invalid_request" });
  expect(await draftOf(world, forged)).toBeNull();
});

it("who is named several times gets one delivery, To before Cc before Bcc; letters that only look alike stay apart", async () => {
  const world = await openAutonomous();
  const recipients = [
    { kind: "bcc", address: "ANNA@acme.example" },
    { kind: "cc", address: "Anna@acme.example" },
    { kind: "to", address: "anna@acme.example" },
    { kind: "bcc", address: "kim@acme.example" },
    { kind: "bcc", address: "\u212aim@acme.example" },
  ] as const;
  const letter = letterOf(world, { recipients });
  await screen(world.store, letter);
  const rows = inDatabase(world, (db) => db.prepare("select recipient, kind from deliveries where draft = ?").all(letter.input.draft));
  expect(new Set(rows.map((row) => `${String(row["kind"])} ${String(row["recipient"])}`))).toEqual(
    new Set(["to anna@acme.example", "bcc kim@acme.example", "bcc \u212aim@acme.example"]),
  );
  expect((await draftOf(world, letter))!.revision.recipients).toEqual(recipients);
});

it("whoever watches a draft hears of its decision, also of one that leaves no row", async () => {
  const world = await openAutonomous();
  const [letter, limited] = [letterOf(world), letterOf(world, { proposal: { caps: { perHour: 0, perDay: 0 } } })];
  const watches = [letter, limited].map(({ input }) => world.store.watch(`draft:${input.draft}`, 10_000));
  const pending = world.store.watch(`pending:${world.tenant}`, 10_000);
  for (const proposal of [letter, limited]) await screen(world.store, proposal);
  expect(await Promise.all(watches.map(({ moved }) => moved))).toEqual([true, true]);
  await screen(world.store, letterOf(world, { proposal: GATED }));
  expect(await pending.moved).toBe(true);
});

it("another tenant's mailbox is none", async () => {
  const world = await openAutonomous();
  const stranger = await openAutonomous();
  const letter = letterOf(world, { input: { tenant: stranger.tenant } });
  await expect(world.store.run("outbound.screen", letter)).rejects.toMatchObject({ code: "not_found" });
  expect(await world.store.run("outbound.facts", questionAbout(world, { tenant: stranger.tenant }))).toBeNull();
  expect(await draftOf(world, letter)).toBeNull();
});

it("NY-13 RateLimit: how full the windows are, and when one more fits", async () => {
  const world = await openAutonomous();
  const { tenant, mailbox } = world;
  for (const minutes of [0, 10, 20]) await screen(world.store, letterOf(world, { at: NOON + minutes * MINUTE }));
  const at = NOON + 30 * MINUTE;
  const windows = (perHour: number, perDay: number) =>
    world.store.run("outbound.windows", { tenant, mailbox, caps: { perHour, perDay }, at });
  expect(await windows(4, 9)).toEqual({ hour: { used: 3, free_at: at }, day: { used: 3, free_at: at } });
  expect(await windows(3, 2)).toEqual({ hour: { used: 3, free_at: NOON + HOUR }, day: { used: 3, free_at: NOON + 10 * MINUTE + DAY } });
  expect(await windows(0, 0)).toMatchObject({ hour: { free_at: at + DAY } });
  expect(await world.store.run("outbound.windows", { tenant: newId("ten"), mailbox, caps: { perHour: 1, perDay: 1 }, at })).toBeNull();
});
