import { describe, expect, it } from "vitest";
import type { KeyId } from "../../src/model/ids.ts";
import type { ScreenProposal, SendStop } from "../../src/store/contract-outbound.ts";
import { attemptOf, editOf, entriesOf, say, setApprovals } from "./hold-samples.ts";
import {
  addKey,
  approvalOf,
  atSending,
  fresh,
  GATED,
  inDatabase,
  letterOf,
  openOutboundWorld,
  questionAbout,
  screen,
  setMode,
  setOverseer,
  suppressionOf,
  to,
  type OutboundWorld,
} from "./outbound-samples.ts";
import { DAY, from, HOUR, MINUTE, newId, NOON, proposalOf, questionOf } from "./samples.ts";
import {
  ANN,
  BEN,
  claim,
  claimed,
  claimOf,
  draftOf,
  fates,
  lookAt,
  NO_POLICY,
  open,
  opened,
  openSendingWorld,
  queued,
  record,
  SENT,
  settlementOf,
} from "./send-samples.ts";

function decisionOf({ store }: OutboundWorld, { input }: ScreenProposal) {
  return store.run("decisions.of_draft", { message: input.message, stage: "send" });
}

async function stop(world: OutboundWorld, stopped: boolean): Promise<void> {
  const { tenant, mailbox } = world;
  await world.store.run("oversight.stop", { tenant, target: { mailbox }, stopped, actor: "postern", at: NOON, ...fresh() });
}

async function currentPin({ store, tenant, mailbox }: OutboundWorld) {
  const { id, version, digest } = (await store.run("policies.current", { tenant, mailbox }))!;
  return { id, version, digest };
}

/** A draft that people have approved. */
async function approved(world: OutboundWorld, by: readonly KeyId[] = [world.approver]): Promise<ScreenProposal> {
  const letter = await queued(world, { proposal: GATED });
  for (const key of by) {
    expect(await world.store.run("holds.decide", approvalOf(letter, key, NOON + MINUTE))).toMatchObject({ result: "accepted" });
  }
  return letter;
}

/** From when on nobody believes that somebody who claimed a draft at `SENT` is still at it. */
const LEFT = SENT + 20_000;

const ASKED = { mode: "gated_send", approval: true } as const;

describe("one attempt", () => {
  it("X-20 goes from connect over the claim to what every recipient was told", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    expect(await open(world, letter)).toEqual({
      kind: "open",
      attempt: 1,
      on_record: true,
      envelope_sender: "assistant@gate.example",
      recipients: [BEN, ANN],
      reviewed: false,
    });
    expect(await draftOf(world, letter)).toMatchObject({ state: "queued" });
    expect(await claim(world, letter, 1)).toEqual({ claimed: true });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sending", reason: "claimed" });
    expect(await record(world, letter, 1, "completed", { [ANN]: 250, [BEN]: 250 })).toEqual({ state: "sent", retry: false });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sent", reason: "accepted", updated_at: SENT + 1000 });
    const { tenant, store } = world;
    expect(await store.run("drafts.deliveries", { tenant, draft: letter.input.draft })).toMatchObject([
      { recipient: BEN, state: "accepted", attempt: 1, code: 250, enhanced: "2.1.1", reply: "2.1.1 said", at: SENT + 1000 },
      { recipient: ANN, state: "accepted", attempt: 1 },
    ]);
    expect(await open(world, letter)).toEqual({ kind: "stopped", why: "done", until: null, state: "sent" });
  });

  it("DESIGN §4.5 looked at, it is ready without a write; its number is whose that claims it first", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const at = { on_record: false };
    const look = await lookAt(world, letter);
    const opened = { kind: "open", attempt: 1, on_record: false, envelope_sender: "assistant@gate.example", recipients: [BEN, ANN] };
    expect(look.ready).toEqual({ ...opened, reviewed: false });
    expect(look.draft).toEqual(await draftOf(world, letter));
    expect(look.facts).toMatchObject({ mode: "autonomous", stopped: null, new_domains: ["acme.example", "other.example"] });
    const mine = fresh().audit_id;
    expect(await claim(world, letter, 1, { ...at, audit_id: mine })).toEqual({ claimed: true });
    expect(await claim(world, letter, 1, at)).toMatchObject({ claimed: false, why: "lost" });
    expect((await lookAt(world, letter)).ready, "one is in flight").toBeNull();
    // Another had looked at the same time, and its connection failed: nothing is learnt from that.
    for (const claim of [null, fresh().audit_id]) {
      const theirs = { ...at, claim };
      expect(await record(world, letter, 1, "failed_before_data", { [ANN]: null }, theirs)).toEqual({ state: "sending", retry: true });
    }
    expect(await fates(world, letter)).toEqual({ [ANN]: "pending", [BEN]: "pending" });
    const said = { [ANN]: 250, [BEN]: 451 };
    expect(await record(world, letter, 1, "completed", said, { ...at, claim: mine })).toEqual({ state: "sending", retry: true });
    expect((await lookAt(world, letter)).ready).toMatchObject({ attempt: 2, recipients: [BEN] });
    expect(await claim(world, letter, 1, at), "a number that is over").toMatchObject({ why: "lost" });
    expect(await claim(world, letter, 3, at), "a number that has not come").toMatchObject({ why: "lost" });
  });

  it("DESIGN §4.5 what never came to its claim is recorded under its number, and so is a refused claim's none", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const at = { on_record: false };
    expect(await record(world, letter, 1, "failed_before_data", { [ANN]: null, [BEN]: null }, at)).toEqual({
      state: "sending",
      retry: true,
    });
    await expect(record(world, letter, 2, "unknown", { [ANN]: null }, at)).rejects.toMatchObject({ code: "internal" });
    await stop(world, true);
    expect(await claim(world, letter, 2, at)).toMatchObject({ claimed: false, why: "stopped" });
    await stop(world, false);
    expect((await lookAt(world, letter)).ready).toMatchObject({ attempt: 2 });
    // Opened by another meanwhile: its number is his.
    expect(await opened(world, letter)).toBe(2);
    expect(await claim(world, letter, 2, at)).toMatchObject({ claimed: false, why: "lost" });
    expect(await claim(world, letter, 2)).toEqual({ claimed: true });
  });

  it("DESIGN §4.5 of a draft that may leave at once the screening says the same as a look", async () => {
    const world = await openSendingWorld();
    const doubled = [...to(BEN, ANN), { kind: "bcc" as const, address: ANN.replace("ann", "Ann") }];
    const letter = letterOf(world, { recipients: doubled });
    const screened = await screen(world.store, letter);
    const { ready } = await lookAt(world, letter);
    expect(screened.ready).toEqual(ready);
    expect(ready).toMatchObject({ recipients: [BEN, ANN] });
    expect(await screen(world.store, letter), "said a second time").toMatchObject({ ready: null });
    setMode(world, "gated_send");
    expect(await screen(world.store, letterOf(world)), "people are asked").toMatchObject({ ready: null });
  });

  it("DESIGN §9.6 what people were asked about, what has ended and what nobody is left for is not ready by a look", async () => {
    const world = await openSendingWorld();
    expect((await lookAt(world, await approved(world))).ready).toBeNull();
    const waiting = letterOf(world, { recipients: to(ANN, BEN), proposal: GATED });
    await screen(world.store, waiting);
    expect((await lookAt(world, waiting)).ready).toBeNull();
    const sent = await queued(world);
    await record(world, sent, await claimed(world, sent), "completed", { [ANN]: 250, [BEN]: 550 });
    expect((await lookAt(world, sent)).ready).toBeNull();
    const lost = await queued(world);
    await record(world, lost, await claimed(world, lost), "unknown", { [ANN]: null, [BEN]: null });
    expect((await lookAt(world, lost)).ready).toBeNull();
  });

  it("MM-14 its claim is the decision to send, and each leaves its entry, without addresses in the leaf", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const submitted = await world.store.run("decisions.of_draft", { message: letter.input.message, stage: "submit" });
    const attempt = await opened(world, letter);
    const given = claimOf(letter, attempt);
    await world.store.run("sends.claim", given);
    await record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 550 });
    expect(await decisionOf(world, letter)).toMatchObject({
      id: given.decision_id,
      stage: "send",
      outcome: "sending",
      reason: "claimed",
      policy: NO_POLICY,
      reservations: [{ ledger: "sends", scope: "mailbox", amount: 1 }],
      supersedes: submitted!.id,
      actor: "postern",
    });
    const [, decided, sent] = await entriesOf(world, letter.input.draft);
    expect(decided!.leaf).toMatchObject({ action: "decision", decision: given.decision_id, outcome: "sending" });
    const facts = {
      draft: letter.input.draft,
      attempt: 1,
      content_hash: letter.revision.content_hash,
      workflow_id: letter.trace.workflow_id,
    };
    expect(sent).toMatchObject({ action: "email.sent", actor: "postern" });
    expect(sent!.leaf["facts"]).toMatchObject({ ...facts, accepted: 1, refused: 1, deferred: 0, unknown: 0 });
    expect(sent!.details).toEqual({ [ANN]: "2.1.1 said", [BEN]: "5.1.1 said" });
    expect(JSON.stringify(sent!.leaf)).not.toContain("acme.example");
  });

  it("MB-15 from the claim on its mail is known: replies thread, echoes are told, its domains are no strangers", async () => {
    const world = await openSendingWorld();
    const { store, tenant, mailbox } = world;
    const letter = await queued(world);
    const own = letter.content.rfc_message_id;
    const reply = (sender: string) => store.run("threads.resolve", questionOf(world, { references: [own], sender, at: SENT }));
    expect((await reply(ANN)).thread).not.toBe(letter.input.thread);
    const attempt = await opened(world, letter);
    await claim(world, letter, attempt, { accepted: [BEN] });
    expect((await reply("ben@other.example")).thread).toBe(letter.input.thread);
    // The peer refused her: she has no part in it.
    expect((await reply(ANN)).thread).not.toBe(letter.input.thread);
    expect(await store.run("threads.resolve", questionOf(world, { rfc_message_id: own, at: SENT }))).toMatchObject({
      loop: "own_message_id",
    });
    expect(await store.run("messages.get", { tenant, id: letter.input.message, view: "all" })).toMatchObject({
      mailbox,
      direction: "outbound",
      thread: letter.input.thread,
      outcome: "sent",
      digest: letter.revision.mime.digest,
      verified: true,
      subject: letter.content.subject,
      rfc_message_id: own,
      draft: letter.input.draft,
      received_at: SENT,
    });
    const facts = await store.run("outbound.facts", questionAbout(world, { recipients: [ANN, "ben@other.example"], at: SENT }));
    expect(facts!.new_domains).toEqual(["acme.example"]);
  });

  it("NY-13 counts at the time it is claimed", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await claimed(world, letter, { at: SENT });
    const used = async (at: number) => (await world.store.run("outbound.facts", questionAbout(world, { at })))!.sends.lastHour;
    expect([await used(SENT), await used(SENT + HOUR - 1), await used(SENT + HOUR)]).toEqual([1, 1, 0]);
  });

  it("is another tenant's business only", async () => {
    const world = await openSendingWorld();
    const other = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    const theirs = { tenant: other.tenant };
    await expect(open(world, letter, theirs)).rejects.toMatchObject({ code: "not_found" });
    await expect(claim(world, letter, attempt, theirs)).rejects.toMatchObject({ code: "not_found" });
    expect(await world.store.run("drafts.deliveries", { ...theirs, draft: letter.input.draft })).toEqual([]);
  });
});

describe("a retry", () => {
  it("MM-13 goes to those alone who were definitely put off, and makes no second decision", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world, { recipients: to(ANN, BEN, "carol@acme.example") });
    const all = [ANN, BEN, "carol@acme.example"];
    const first = await claimed(world, letter, { accepted: all });
    const said = { [ANN]: 250, [BEN]: 451, "carol@acme.example": 550 };
    expect(await record(world, letter, first, "completed", said)).toEqual({ state: "sending", retry: true });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sending", reason: "451 4.1.1" });
    const decision = await decisionOf(world, letter);
    expect(await open(world, letter)).toMatchObject({ kind: "open", attempt: 2, recipients: [BEN] });
    expect(await claim(world, letter, 2, { accepted: [BEN] })).toEqual({ claimed: true });
    expect(await record(world, letter, 2, "completed", { [BEN]: 250 })).toEqual({ state: "sent", retry: false });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sent", reason: "partly_refused" });
    expect(await fates(world, letter)).toEqual({ [ANN]: "accepted 250", [BEN]: "accepted 250", "carol@acme.example": "refused 550" });
    expect(await decisionOf(world, letter)).toEqual(decision);
    const actions = (await entriesOf(world, letter.input.draft)).map(({ action }) => action);
    expect(actions).toEqual(["decision", "decision", "email.sent", "email.sent"]);
  });

  it.each([
    ["no connection", { [ANN]: null, [BEN]: null }, "no_answer", "sending"],
    ["4yz to everybody", { [ANN]: 450, [BEN]: 452 }, "452 4.1.1", "sending"],
    ["5yz to everybody", { [ANN]: 550, [BEN]: 553 }, "553 5.1.1", "failed"],
  ])("X-20 before the claim: %s", async (_, said, reason, state) => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    const end = said[ANN] === null ? "failed_before_data" : "completed";
    expect(await record(world, letter, attempt, end, said)).toEqual({ state, retry: state === "sending" });
    expect(await draftOf(world, letter)).toMatchObject({ state, reason });
    expect(await decisionOf(world, letter)).toBeNull();
    if (state === "sending") expect(await open(world, letter)).toMatchObject({ kind: "open", attempt: 2, recipients: [BEN, ANN] });
  });

  it("a claim after which nothing went out leaves everybody to be tried", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await claimed(world, letter);
    const ended = await record(world, letter, attempt, "failed_before_data", { [ANN]: null, [BEN]: null });
    expect(ended).toEqual({ state: "sending", retry: true });
    expect(await opened(world, letter)).toBe(2);
  });

  it("nobody has it who was not claimed for, whatever a transport says", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    await expect(record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 550 })).rejects.toMatchObject({ code: "internal" });
    await expect(record(world, letter, attempt, "unknown", { [ANN]: null })).rejects.toMatchObject({ code: "internal" });
    await expect(record(world, letter, 7, "completed", {})).rejects.toMatchObject({ code: "not_found" });
    await claim(world, letter, attempt, { accepted: [ANN] });
    await expect(record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 250 })).rejects.toMatchObject({ code: "internal" });
    expect(await fates(world, letter)).toEqual({ [ANN]: "pending", [BEN]: "pending" });
  });

  it("what an attempt came to is recorded once", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await claimed(world, letter);
    await record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 451 });
    expect(await record(world, letter, attempt, "completed", { [ANN]: 550, [BEN]: 250 })).toEqual({ state: "sending", retry: true });
    expect(await fates(world, letter)).toEqual({ [ANN]: "accepted 250", [BEN]: "deferred 451" });
    const entries = await entriesOf(world, letter.input.draft);
    expect(entries.filter(({ action }) => action === "email.sent")).toHaveLength(1);
  });

  it("an edit of another round leaves alone who has an earlier version or has refused it", async () => {
    const world = await openOutboundWorld();
    const letter = await approved(world);
    const attempt = await opened(world, letter, ASKED);
    await claim(world, letter, attempt, { ...ASKED });
    await record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 451 });
    const [second, third] = [
      await addKey(world.store, world.tenant, ["oversight"]),
      await addKey(world.store, world.tenant, ["oversight"]),
    ];
    await world.store.run("keys.revoke", { tenant: world.tenant, id: world.approver, at: SENT });
    expect(await world.store.run("outbound.screen", atSending(letter, { ...GATED, at: SENT }))).toMatchObject({ kind: "stale" });
    const edit = editOf(second, 2, "other words", ["ANN@acme.example", BEN, "carol@acme.example"]);
    await world.store.run("holds.decide", attemptOf(world, letter.input.draft, "edit", second, { edit, at: SENT }));
    await world.store.run(
      "holds.decide",
      attemptOf(world, letter.input.draft, "approve", third, { content_hash: edit!.revision.content_hash, at: SENT }),
    );
    const changes = { ...ASKED, content_hash: edit!.revision.content_hash };
    expect(await open(world, letter, changes)).toMatchObject({ kind: "open", recipients: [BEN, "carol@acme.example"], reviewed: true });
  });
});

describe("INVARIANT (DESIGN §9.7): at most one attempt whose fate is unknown", () => {
  it("of an attempt that died before its claim nothing can have gone out: the next one opens, and the dead one has lost", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    expect(await opened(world, letter)).toBe(1);
    expect(await opened(world, letter)).toBe(2);
    expect(await claim(world, letter, 1)).toEqual({ claimed: false, why: "lost", until: null });
    expect(await claim(world, letter, 2)).toEqual({ claimed: true });
    expect(await claim(world, letter, 2)).toEqual({ claimed: false, why: "lost", until: null });
    expect(await record(world, letter, 1, "completed", { [ANN]: 550, [BEN]: 550 })).toEqual({ state: "sending", retry: true });
    expect(await fates(world, letter)).toEqual({ [ANN]: "pending", [BEN]: "pending" });
  });

  it("of one that died after its claim nobody knows: nothing more is tried", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await claimed(world, letter, { accepted: [ANN] });
    const unknown = { kind: "stopped", why: "unknown", until: null, state: "unknown" };
    expect(await open(world, letter, { at: SENT + DAY })).toEqual(unknown);
    expect(await draftOf(world, letter)).toMatchObject({ state: "unknown", reason: "no_reply" });
    // Ben was refused before the claim, so he cannot have it.
    expect(await fates(world, letter)).toEqual({ [ANN]: "unknown", [BEN]: "pending" });
    expect(await open(world, letter, { at: SENT + 9 * DAY })).toEqual(unknown);
    const entries = await entriesOf(world, letter.input.draft);
    expect(entries.at(-1)).toMatchObject({ action: "email.unknown", leaf: { facts: { attempt: 1, unknown: 1 } } });
    expect(entries.filter(({ action }) => action === "email.unknown")).toHaveLength(1);
  });

  it("whoever made a claim is believed to be at it for 20 s, and again each time he says so", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const { draft } = letter.input;
    const given = claimOf(letter, await opened(world, letter));
    await world.store.run("sends.claim", given);
    const carried = (until: number) => ({ kind: "stopped", why: "carried", until, state: "sending" });
    expect(await open(world, letter, { at: LEFT - 1 })).toEqual(carried(LEFT));
    const at = LEFT - 1;
    await world.store.run("sends.carry", { draft, claim: given.audit_id, at });
    // Somebody whose claim is not the one that counts.
    await world.store.run("sends.carry", { draft, claim: newId("aud"), at: LEFT + DAY });
    expect(await open(world, letter, { at: LEFT })).toEqual(carried(at + 20_000));
    const ending = {
      draft,
      state: "failed",
      reason: "five_days",
      tenant: world.tenant,
      trace: letter.trace,
      at: LEFT,
      ...fresh(),
    } as const;
    expect(await world.store.run("sends.finish", ending)).toEqual({ state: "sending" });
    expect(await fates(world, letter)).toEqual({ [ANN]: "pending", [BEN]: "pending" });
    expect(await open(world, letter, { at: at + 20_000 })).toMatchObject({ why: "unknown" });
    // What is unknown is a person's business, whoever says that he is at it.
    await world.store.run("sends.carry", { draft, claim: given.audit_id, at: LEFT + DAY });
    expect(await open(world, letter, { at: LEFT + DAY })).toMatchObject({ why: "unknown" });
  });

  it("of somebody whose clock is an hour ahead nobody waits an hour", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await claimed(world, letter, { at: SENT + HOUR });
    expect(await open(world, letter)).toMatchObject({ why: "carried", until: LEFT });
  });

  it("a transport's own unknown is the same", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await claimed(world, letter);
    expect(await record(world, letter, attempt, "unknown", { [ANN]: null, [BEN]: 550 })).toEqual({ state: "unknown", retry: false });
    expect(await fates(world, letter)).toEqual({ [ANN]: "unknown", [BEN]: "refused 550" });
    expect(await open(world, letter)).toMatchObject({ why: "unknown" });
  });

  it("who answers late is believed, until a person has spoken", async () => {
    const world = await openSendingWorld();
    const [letter, other] = [await queued(world), await queued(world)];
    for (const one of [letter, other]) {
      await claimed(world, one);
      await open(world, one, { at: LEFT });
    }
    expect(await record(world, letter, 1, "completed", { [ANN]: 250, [BEN]: 451 })).toEqual({ state: "sending", retry: true });
    expect(await open(world, letter)).toMatchObject({ kind: "open", attempt: 2, recipients: [BEN] });
    await world.store.run("sends.settle", settlementOf(world, other.input.draft, "settle", { as: "failed" }));
    expect(await record(world, other, 1, "completed", { [ANN]: 250, [BEN]: 250 })).toEqual({ state: "failed", retry: false });
    expect(await fates(world, other)).toEqual({ [ANN]: "refused", [BEN]: "refused" });
  });

  it("of many that claim at once one gets it, of many that open at once the last", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempts = await Promise.all(Array.from({ length: 20 }, () => opened(world, letter)));
    expect(attempts.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const claims = await Promise.all([...attempts, ...attempts].map((attempt) => claim(world, letter, attempt)));
    expect(claims.filter((answer) => answer.claimed)).toHaveLength(1);
    expect([...attempts, ...attempts][claims.findIndex((answer) => answer.claimed)]).toBe(20);
  });

  it("the database itself refuses a second attempt in flight, and one beside one of unknown fate", async () => {
    const world = await openSendingWorld();
    const [letter, other] = [await queued(world), await queued(world)];
    await opened(world, letter);
    await record(world, other, await claimed(world, other), "unknown", { [ANN]: null, [BEN]: null });
    for (const { input } of [letter, other]) {
      const again = () =>
        inDatabase(world, (db) =>
          db.prepare("insert into send_attempts values (?, 9, 'connect', 'h', '[]', 1, null, null, null)").run(input.draft),
        );
      expect(again).toThrow(/unique/i);
    }
  });
});

/** What may forbid sending, with what lifts it. */
const BARS: readonly (readonly [SendStop, string, (world: OutboundWorld, letter: ScreenProposal) => unknown])[] = [
  ["stopped", "X-27 the mailbox is stopped", (world) => stop(world, true)],
  ["mode", "MM-02 the mailbox is read_only", (world) => setMode(world, "read_only")],
  ["not_approved", "MM-04 the mailbox asks people now", (world) => setMode(world, "gated_send")],
  [
    "suppressed",
    "PB-19 a recipient is suppressed",
    (world) => world.store.run("suppressions.put", suppressionOf(world.tenant, "ben@other.example")),
  ],
  [
    "author_revoked",
    "NY-01 the author's key is revoked",
    (world) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: NOON }),
  ],
  [
    "author_revoked",
    "NY-01 the author's key is bound to other mailboxes",
    (world) => inDatabase(world, (db) => db.prepare("update keys set mailboxes_json = '[]' where id = ?").run(world.author)),
  ],
  [
    "author_revoked",
    "NY-01 the author's key may not send",
    (world) => inDatabase(world, (db) => db.prepare(`update keys set scopes_json = '["read"]' where id = ?`).run(world.author)),
  ],
  [
    "not_approved",
    "DESIGN §4.6 mail that nobody has proved came into the thread",
    (world, { input: { thread } }) => world.store.run("inbound.decide", proposalOf(world, { facts: { thread, ...from(ANN, false) } })),
  ],
  ["rejudge", "X-04 another policy is in force", (world) => setApprovals(world, {})],
  [
    "cancelled",
    "X-06 its author took it back",
    (world, letter) => world.store.run("holds.decide", attemptOf(world, letter.input.draft, "cancel", world.author)),
  ],
];

describe("DESIGN §4.5 what forbids it is seen at the claim, whenever it came", () => {
  it.each(BARS)("%s: %s", async (why, _, forbid) => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    await forbid(world, letter);
    expect(await claim(world, letter, attempt)).toEqual({ claimed: false, why, until: null });
    expect(await claim(world, letter, attempt)).toMatchObject({ why: "lost" });
    expect(await open(world, letter)).toMatchObject({ kind: "stopped", why });
    expect(await decisionOf(world, letter)).toEqual(why === "cancelled" ? expect.objectContaining({ outcome: "cancelled" }) : null);
    expect(await world.store.run("messages.get", { tenant: world.tenant, id: letter.input.message, view: "all" })).toBeNull();
  });

  it("MM-03 a stricter mode by policy or thread counts as the mailbox's own", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    expect(await open(world, letter, { mode: "read_only" })).toMatchObject({ why: "mode" });
    expect(await open(world, letter, { mode: "gated_all" })).toMatchObject({ why: "not_approved" });
    expect(await open(world, letter, { approval: true })).toMatchObject({ why: "not_approved" });
    expect(await open(world, letter, { mode: "monitored" })).toMatchObject({ why: "not_approved" });
    setOverseer(world, "eye@acme.example");
    expect(await open(world, letter, { mode: "monitored" })).toMatchObject({ kind: "open" });
  });

  it("X-04 other bytes than those of the current version are nobody's", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    expect(await open(world, letter, { content_hash: "0".repeat(64) })).toMatchObject({ why: "not_approved" });
    const attempt = await opened(world, letter);
    expect(await claim(world, letter, attempt, { content_hash: "0".repeat(64) })).toMatchObject({ why: "lost" });
  });

  it("MM-05 the overseer's copy is nobody's to approve, whatever thread it claims to be of", async () => {
    const world = await openSendingWorld();
    setOverseer(world, "eye@acme.example");
    const tainting = proposalOf(world, { facts: from(ANN, false) });
    await world.store.run("inbound.decide", tainting);
    const { thread } = tainting.facts!;
    const copy = await queued(world, { recipients: to("eye@acme.example"), input: { kind: "copy", thread } });
    expect(await open(world, copy)).toMatchObject({ kind: "open" });
    const draft = await queued(world, { input: { thread } });
    expect(await open(world, draft)).toMatchObject({ kind: "stopped", why: "not_approved" });
  });

  it("NY-13 over a cap it waits until one more fits, and its own place does not count against it", async () => {
    const world = await openSendingWorld();
    const caps = { perHour: 1, perDay: 9 };
    const letter = await queued(world, { at: NOON });
    expect(await open(world, letter, { caps, at: NOON })).toMatchObject({ kind: "open" });
    await screen(world.store, letterOf(world, { at: SENT - MINUTE }));
    expect(await open(world, letter, { caps })).toMatchObject({ why: "limit", until: SENT - MINUTE + HOUR });
    const attempt = await opened(world, letter);
    expect(await claim(world, letter, attempt, { caps })).toEqual({ claimed: false, why: "limit", until: SENT - MINUTE + HOUR });
    expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "send_limit_per_hour" });
  });

  it("X-27 lifted, it goes", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await stop(world, true);
    expect(await open(world, letter)).toMatchObject({ why: "stopped" });
    expect(await draftOf(world, letter)).toMatchObject({ state: "queued", reason: "stopped_mailbox" });
    await stop(world, false);
    expect(await claimed(world, letter)).toBe(1);
  });

  it("MM-05 the overseer's copy is held back by a stop or a suppression alone", async () => {
    const world = await openSendingWorld();
    setOverseer(world, ANN);
    const copy = await queued(world, { input: { kind: "copy" }, recipients: to(ANN) });
    setMode(world, "read_only");
    await world.store.run("keys.revoke", { tenant: world.tenant, id: world.author, at: NOON });
    await stop(world, true);
    expect(await open(world, copy, { caps: { perHour: 0, perDay: 0 } })).toMatchObject({ why: "stopped" });
    await stop(world, false);
    const attempt = await opened(world, copy, { mode: "gated_send", caps: { perHour: 0, perDay: 0 } });
    await world.store.run("suppressions.put", suppressionOf(world.tenant, ANN));
    expect(await claim(world, copy, attempt, { mode: "gated_send", accepted: [ANN] })).toMatchObject({ why: "suppressed" });
  });

  it("MM-05 a copy is not the agent's to take back, but an admin's", async () => {
    const world = await openSendingWorld();
    setOverseer(world, ANN);
    const copy = await queued(world, { input: { kind: "copy" }, recipients: to(ANN) });
    const cancel = (actor: KeyId) => world.store.run("holds.decide", attemptOf(world, copy.input.draft, "cancel", actor));
    expect(await cancel(world.author)).toEqual({ result: "refused", code: "not_an_approver" });
    expect(await draftOf(world, copy)).toMatchObject({ state: "queued" });
    expect(await cancel(await addKey(world.store, world.tenant, ["admin"]))).toMatchObject({ result: "accepted", status: "cancelled" });
  });

  it("MM-05 a copy leaves to nobody who is not the overseer by then", async () => {
    const world = await openSendingWorld();
    setOverseer(world, ANN);
    const copy = await queued(world, { input: { kind: "copy" }, recipients: to(ANN) });
    const attempt = await opened(world, copy);
    setOverseer(world, "boss@acme.example");
    expect(await claim(world, copy, attempt, { accepted: [ANN] })).toMatchObject({ claimed: false, why: "mode" });
  });
});

describe("DESIGN §9.6 what needs approval leaves with a quorum of today's approvers for exactly these bytes", () => {
  it("MM-13 approved, it goes, and is marked as reviewed", async () => {
    const world = await openOutboundWorld();
    const letter = await approved(world);
    const changes = { ...ASKED };
    expect(await open(world, letter, changes)).toMatchObject({ kind: "open", reviewed: true });
    expect(await claim(world, letter, 1, changes)).toEqual({ claimed: true });
  });

  it("X-02 while it waits, or after people said no, nothing opens", async () => {
    const world = await openOutboundWorld();
    const letter = await queued(world, { proposal: GATED });
    expect(await open(world, letter, ASKED)).toMatchObject({ why: "not_approved", state: "pending_send_approval" });
    const no = attemptOf(world, letter.input.draft, "reject", world.approver);
    await say(world, no, "not like this");
    await world.store.run("holds.decide", no);
    expect(await open(world, letter, ASKED)).toMatchObject({ why: "done", state: "rejected" });
  });

  const spoil: readonly (readonly [string, (world: OutboundWorld, letter: ScreenProposal) => unknown])[] = [
    ["the approver's key is revoked", (world) => world.store.run("keys.revoke", { tenant: world.tenant, id: world.approver, at: NOON })],
    ["more must agree by now", (world) => setApprovals(world, { quorum: 2 })],
    [
      "others may approve by now",
      async (world) => setApprovals(world, { approvers: [await addKey(world.store, world.tenant, ["oversight"])] }),
    ],
    [
      "the approval is for other bytes",
      (world, { input }) =>
        inDatabase(world, (db) => db.prepare("update approvals set content_hash = 'x' where hold = ?").run(input.draft)),
    ],
    [
      "the hold is for other bytes",
      (world, { input }) => inDatabase(world, (db) => db.prepare("update holds set content_hash = 'x' where id = ?").run(input.draft)),
    ],
  ];
  it.each(spoil)("X-04 X-05 not when %s, even after it was opened", async (_, change) => {
    const world = await openOutboundWorld();
    const letter = await approved(world);
    const attempt = await opened(world, letter, ASKED);
    await change(world, letter);
    const row = await world.store.run("policies.current", { tenant: world.tenant, mailbox: world.mailbox });
    const policy = row === null ? NO_POLICY : await currentPin(world);
    expect(await claim(world, letter, attempt, { ...ASKED, policy })).toMatchObject({ claimed: false, why: "not_approved" });
    expect(await open(world, letter, { ...ASKED, policy })).toMatchObject({ why: "not_approved" });
  });

  it("X-05 two of two", async () => {
    const world = await openOutboundWorld();
    await setApprovals(world, { quorum: 2 });
    const second = await addKey(world.store, world.tenant, ["oversight"]);
    const letter = await approved(world, [world.approver, second]);
    const policy = await currentPin(world);
    expect(await claim(world, letter, await opened(world, letter, { ...ASKED, policy }), { ...ASKED, policy })).toEqual({ claimed: true });
  });
});

describe("a person's word on what nobody knows", () => {
  async function unknown(world: OutboundWorld): Promise<ScreenProposal> {
    const letter = await queued(world);
    await record(world, letter, await claimed(world, letter), "unknown", { [ANN]: null, [BEN]: null });
    return letter;
  }

  it("X-06 resend: those who may have it are tried once more, and nobody else", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await record(world, letter, await claimed(world, letter, { accepted: [ANN] }), "unknown", { [ANN]: null, [BEN]: 550 });
    const answer = await world.store.run("sends.settle", settlementOf(world, letter.input.draft, "resend"));
    expect(answer).toEqual({ result: "accepted", status: "approved", approvals: 0, quorum: 1, revision: 1 });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sending", reason: "resend" });
    expect(await open(world, letter)).toMatchObject({ kind: "open", attempt: 2, recipients: [ANN] });
    expect((await entriesOf(world, letter.input.draft)).at(-1)).toMatchObject({
      action: "email.resend_ordered",
      actor: `key:${world.approver}`,
    });
  });

  it.each([
    ["sent", "sent", { [ANN]: "accepted", [BEN]: "accepted" }],
    ["failed", "failed", { [ANN]: "refused", [BEN]: "refused" }],
    [undefined, "sent", { [ANN]: "accepted", [BEN]: "accepted" }],
  ] as const)("X-06 settle as %s", async (as, state, expected) => {
    const world = await openSendingWorld();
    const letter = await unknown(world);
    const settlement = settlementOf(world, letter.input.draft, "settle", as === undefined ? {} : { as });
    expect(await world.store.run("sends.settle", settlement)).toMatchObject({ result: "accepted" });
    expect(await draftOf(world, letter)).toMatchObject({ state, reason: "settled_by_person" });
    expect(await fates(world, letter)).toEqual(expected);
    expect(await open(world, letter)).toMatchObject({ why: "done", state });
  });

  it("with others still to be tried, settling goes on with them", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await claimed(world, letter, { accepted: [ANN] });
    await open(world, letter, { at: LEFT });
    await world.store.run("sends.settle", settlementOf(world, letter.input.draft, "settle"));
    expect(await draftOf(world, letter)).toMatchObject({ state: "sending" });
    expect(await open(world, letter)).toMatchObject({ kind: "open", recipients: [BEN] });
  });

  it("is recorded once, and told again to whoever comes again", async () => {
    const world = await openSendingWorld();
    const letter = await unknown(world);
    const settlement = settlementOf(world, letter.input.draft, "resend");
    const answer = await world.store.run("sends.settle", settlement);
    await opened(world, letter);
    expect(await world.store.run("sends.settle", { ...settlement, attempt: { ...settlement.attempt, ...fresh() } })).toEqual(answer);
    expect(await world.store.run("holds.attempts", { tenant: world.tenant, hold: letter.input.draft })).toHaveLength(1);
  });

  it("X-01 counts only from somebody who may approve it, about the draft that is unknown; every attempt is recorded", async () => {
    const world = await openSendingWorld();
    const letter = await unknown(world);
    const revoked = await addKey(world.store, world.tenant, ["oversight"]);
    await world.store.run("keys.revoke", { tenant: world.tenant, id: revoked, at: NOON });
    const refusals = [
      ["not_an_approver", { actor: world.author }],
      ["not_an_approver", { actor: newId("key") }],
      ["key_revoked", { actor: revoked }],
      ["token_missing", { actor: "namespace" as const }],
      ["token_missing", { signed: false }],
      ["token_invalid", { actor: "namespace" as const, signed: true }],
      ["content_stale", { content_hash: "0".repeat(64) }],
    ] as const;
    for (const [code, changes] of refusals) {
      const answer = await world.store.run("sends.settle", settlementOf(world, letter.input.draft, "resend", changes));
      expect(answer).toEqual({ result: "refused", code });
    }
    expect(await draftOf(world, letter)).toMatchObject({ state: "unknown" });
    const attempts = await world.store.run("holds.attempts", { tenant: world.tenant, hold: letter.input.draft });
    expect(attempts.map(({ result }) => result).toSorted()).toEqual(refusals.map(([code]) => code).toSorted());
    const entries = await entriesOf(world, letter.input.draft);
    expect(entries.filter(({ action }) => action === "hold.attempt_refused")).toHaveLength(refusals.length);
  });

  it("what is not unknown is not settled, nor another tenant's", async () => {
    const world = await openSendingWorld();
    const other = await openSendingWorld();
    const letter = await queued(world);
    const settle = (by: OutboundWorld) => by.store.run("sends.settle", settlementOf(by, letter.input.draft, "settle", { as: "sent" }));
    expect(await settle(world)).toEqual({ result: "refused", code: "not_unknown" });
    expect(await settle(other)).toEqual({ result: "refused", code: "not_found" });
    await claimed(world, letter);
    // Its sender may still be at it.
    expect(await settle(world)).toEqual({ result: "refused", code: "not_unknown" });
  });
});

describe("the last word", () => {
  function finish({ store, tenant }: OutboundWorld, { input, trace }: ScreenProposal, state: "failed" | "cancelled" = "failed") {
    return store.run("sends.finish", { tenant, draft: input.draft, state, reason: "five_days", trace, at: SENT + 5 * DAY, ...fresh() });
  }

  it("X-20 nobody has it: failed, with an entry, once", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await record(world, letter, await opened(world, letter), "failed_before_data", { [ANN]: null, [BEN]: 451 });
    for (let asked = 0; asked < 2; asked += 1) expect(await finish(world, letter)).toEqual({ state: "failed" });
    expect(await draftOf(world, letter)).toMatchObject({ state: "failed", reason: "five_days" });
    expect(await fates(world, letter)).toEqual({ [ANN]: "refused", [BEN]: "refused 451" });
    const entries = await entriesOf(world, letter.input.draft);
    expect(entries.filter(({ action }) => action === "email.given_up")).toHaveLength(1);
    expect(await open(world, letter)).toMatchObject({ why: "done", state: "failed" });
  });

  it("X-20 somebody has it: it was sent", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    await record(world, letter, await claimed(world, letter), "completed", { [ANN]: 250, [BEN]: 451 });
    expect(await finish(world, letter)).toEqual({ state: "sent" });
  });

  it("changes nothing of what has ended, waits for people, or nobody knows", async () => {
    const world = await openSendingWorld();
    const [sent, waiting, lost] = [await queued(world), await queued(world, { proposal: GATED }), await queued(world)];
    await record(world, sent, await claimed(world, sent), "completed", { [ANN]: 250, [BEN]: 250 });
    await claimed(world, lost);
    expect(await finish(world, sent, "cancelled")).toEqual({ state: "sent" });
    expect(await finish(world, waiting)).toEqual({ state: "pending_send_approval" });
    expect(await finish(world, lost)).toEqual({ state: "unknown" });
    expect(await draftOf(world, lost)).toMatchObject({ state: "unknown" });
  });

  it("an attempt that is still connecting finds its claim lost", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    expect(await finish(world, letter, "cancelled")).toEqual({ state: "cancelled" });
    expect(await claim(world, letter, attempt)).toMatchObject({ claimed: false });
  });
});

describe("screening beside an attempt", () => {
  it("X-06 what may be on its way is neither blocked nor put before people: its attempt, or a person, says what became of it", async () => {
    const world = await openOutboundWorld();
    const letter = await approved(world);
    const attempt = await opened(world, letter, ASKED);
    await claim(world, letter, attempt, ASKED);
    await world.store.run("keys.revoke", { tenant: world.tenant, id: world.approver, at: SENT });
    await world.store.run("suppressions.put", suppressionOf(world.tenant, ANN));
    expect(await world.store.run("outbound.screen", atSending(letter, { ...GATED, at: SENT }))).toMatchObject({ kind: "decided" });
    expect(await draftOf(world, letter)).toMatchObject({ state: "sending" });
    expect(await record(world, letter, attempt, "completed", { [ANN]: 250, [BEN]: 250 })).toEqual({ state: "sent", retry: false });
  });

  it("put before people while it connects, the attempt is refused its claim and its end moves nothing", async () => {
    const world = await openSendingWorld();
    const letter = await queued(world);
    const attempt = await opened(world, letter);
    setMode(world, "gated_send");
    expect(await world.store.run("outbound.screen", atSending(letter, { ...GATED, at: SENT }))).toMatchObject({ kind: "stale" });
    expect(await record(world, letter, attempt, "failed_before_data", { [ANN]: null, [BEN]: null })).toEqual({
      state: "pending_send_approval",
      retry: false,
    });
    expect(await open(world, letter, ASKED)).toMatchObject({ why: "not_approved" });
  });
});

it("the taint of a thread is not made by mail that was sent in it", async () => {
  const world = await openSendingWorld();
  const received = proposalOf(world, { facts: from(ANN) });
  await world.store.run("inbound.decide", received);
  const thread = received.facts!.thread;
  const letter = await queued(world, { input: { thread } });
  await claimed(world, letter);
  expect((await world.store.run("outbound.facts", questionAbout(world, { thread, at: SENT })))!.tainted).toBe(false);
});
