import { beforeEach, describe, expect, it } from "vitest";
import type { KeyId } from "../../src/model/ids.ts";
import type { ScreenProposal } from "../../src/store/contract-outbound.ts";
import { attemptKey } from "../../src/model/hold.ts";
import { openRows } from "../support/postgres/rows.ts";
import { addMailbox, again, DAY, HOUR, MINUTE, newDomain, newId, proposalOf } from "./samples.ts";
import {
  addKey,
  attemptOf,
  decide,
  editOf,
  entriesOf,
  EXPIRY,
  hashOf,
  outcomeOf,
  say,
  setApprovals,
  submit,
  SUBMITTED,
  timerOf,
  type Draft,
} from "./hold-samples.ts";
import { fresh, type OutboundWorld } from "./outbound-samples.ts";
import { ANN, BEN, claim, claimed, draftOf, fates, opened, openSendingWorld, queued, record, SENT } from "./send-samples.ts";
import { openWorld, type World } from "./world.ts";

let world: World;
let author: KeyId;
let ann: KeyId;
let ben: KeyId;
let draft: Draft;

beforeEach(async () => {
  world = await openWorld();
  author = await addKey(world, ["send"]);
  ann = await addKey(world, ["oversight"]);
  ben = await addKey(world, ["oversight", "read"]);
  draft = await submit(world, author);
});

const holdNow = async () => (await world.store.run("holds.get", { tenant: world.tenant, id: draft.id }))!;
const draftNow = async () => (await world.store.run("drafts.get", { tenant: world.tenant, id: draft.id }))!;
const releaseNow = () => world.store.run("decisions.of_draft", { message: draft.letter.input.message, stage: "release" });
const attempt = (...[action, actor, changes]: [Parameters<typeof attemptOf>[2], KeyId | "namespace", object?]) =>
  attemptOf(world, draft.id, action, actor, changes);
const entriesFor = async (action: string) => (await entriesOf(world, draft.id)).filter((entry) => entry.action === action);
const attemptsNow = () => world.store.run("holds.attempts", { tenant: world.tenant, hold: draft.id });

describe("a draft that waits", () => {
  it("MM-10 is shown with what it is about, who asks and until when", async () => {
    expect(await holdNow()).toEqual({
      id: draft.id,
      tenant: world.tenant,
      mailbox: world.mailbox,
      direction: "outbound",
      kind: "send",
      status: "waiting",
      reason: "mode_gated_send",
      subject: "dinner at eight",
      to: ["anna@acme.example", "ben@other.example"],
      from: expect.stringMatching(/^assistant@/) as string,
      revision: 1,
      content_hash: draft.content_hash,
      author,
      approvers: [],
      quorum: 1,
      approved_by: [],
      trust_namespace: false,
      times: { remind_at: SUBMITTED + 3.5 * DAY, escalate_at: SUBMITTED + 5.6 * DAY, expires_at: EXPIRY },
      reminded_at: null,
      escalated_at: null,
      created_at: SUBMITTED,
      decided_at: null,
    });
    expect(await world.store.run("holds.get", { tenant: newId("ten"), id: draft.id })).toBeNull();
  });

  it("MM-13 MM-14 an approval queues it, with a decision of its own and two entries: who, and what it came to", async () => {
    const said = attempt("approve", ann, { content_hash: draft.content_hash });
    await say(world, said, "read every word");
    const watch = world.store.watch(`draft:${draft.id}`, 5000);
    const pending = world.store.watch(`pending:${world.tenant}`, 5000);
    expect(await decide(world, said)).toEqual({ result: "accepted", status: "approved", approvals: 1, quorum: 1, revision: 1 });
    expect([await watch.moved, await pending.moved]).toEqual([true, true]);
    expect(await draftNow()).toMatchObject({ state: "queued", reason: "approved_by_person", decision: said.decision_id });
    expect(await holdNow()).toMatchObject({ status: "approved", decided_at: said.at, approved_by: [ann] });
    expect(await releaseNow()).toMatchObject({
      id: said.decision_id,
      stage: "release",
      outcome: "queued",
      reason: "approved_by_person",
      judged_at: "person",
      actor: `key:${ann}`,
    });
    const [approved] = await entriesFor("email.approved");
    const decided = (await entriesFor("decision")).find(({ leaf }) => leaf["stage"] === "release");
    expect(approved).toMatchObject({ action: "email.approved", actor: `key:${ann}`, details: { note: "read every word" } });
    expect(approved!.leaf["facts"]).toMatchObject({
      hold: draft.id,
      content_hash: draft.content_hash,
      approvals: 1,
      quorum: 1,
      signed: true,
    });
    expect(decided).toMatchObject({ action: "decision", details: { note: "read every word", subject: "dinner at eight" } });
    expect(JSON.stringify([approved!.leaf, decided!.leaf])).not.toMatch(/read every|dinner|@/);
  });

  it("MM-11 MM-13 a rejection ends it and needs words", async () => {
    const mute = attempt("reject", ann);
    expect(outcomeOf(await decide(world, mute))).toBe("reason_required");
    const elsewhere = attempt("reject", ann);
    await say(world, { ...elsewhere, hold: newId("drf") }, "about another");
    expect(outcomeOf(await decide(world, elsewhere))).toBe("reason_required");
    const blank = attempt("reject", ann);
    await say(world, blank, "  ");
    expect(outcomeOf(await decide(world, blank))).toBe("reason_required");
    const said = attempt("reject", ann);
    await say(world, said, "wrong price");
    expect(outcomeOf(await decide(world, said))).toBe("rejected");
    expect(await draftNow()).toMatchObject({ state: "rejected", reason: "rejected_by_person" });
    expect(await releaseNow()).toMatchObject({ outcome: "rejected", actor: `key:${ann}` });
    expect((await attemptsNow()).map(({ result, note }) => `${result}: ${note}`).toSorted()).toEqual([
      "accepted: wrong price",
      "reason_required:   ",
      "reason_required: null",
      "reason_required: null",
    ]);
    expect(await world.store.run("drafts.deliveries", { tenant: world.tenant, draft: draft.id })).toEqual([]);
  });

  it("MM-11 of two who decide, one at a time or at once, one decides and the other is told", async () => {
    const both = [attempt("approve", ann), attempt("approve", ben)];
    const answers = await Promise.all(both.map((one) => decide(world, one)));
    expect(answers.map(outcomeOf).toSorted()).toEqual(["already_decided", "approved"]);
    const late = attempt("reject", ben);
    await say(world, late, "no");
    expect(outcomeOf(await decide(world, late))).toBe("already_decided");
    expect(await entriesFor("decision")).toHaveLength(2);
    const refusals = (await entriesFor("hold.attempt_refused")).map(({ leaf }) => leaf["facts"] as Record<string, unknown>);
    expect(refusals.map((facts) => `${facts["attempted"] as string}: ${facts["code"] as string}`).toSorted()).toEqual([
      "approve: already_decided",
      "reject: already_decided",
    ]);
  });

  it("X-05 a quorum of two needs two, and shows who has approved", async () => {
    await setApprovals(world, { quorum: 2 });
    expect(await decide(world, attempt("approve", ann))).toEqual({
      result: "accepted",
      status: "waiting",
      approvals: 1,
      quorum: 2,
      revision: 1,
    });
    expect(await holdNow()).toMatchObject({ status: "waiting", approved_by: [ann], quorum: 2 });
    expect(await draftNow()).toMatchObject({ state: "pending_send_approval" });
    expect(await releaseNow()).toBeNull();
    expect(outcomeOf(await decide(world, attempt("approve", ann)))).toBe("already_approved");
    expect(await decide(world, attempt("approve", ben))).toMatchObject({ status: "approved", approvals: 2 });
    expect(await entriesFor("email.approved")).toHaveLength(2);
  });

  it("MM-12 X-04 an edit is a new revision by its editor, drops approvals, and takes another person to approve", async () => {
    await setApprovals(world, { quorum: 2 });
    await decide(world, attempt("approve", ben));
    const edit = attempt("edit", ann, { edit: editOf(ann, 2, "second words", ["carl@third.example"]) });
    expect(await decide(world, edit)).toEqual({ result: "accepted", status: "waiting", approvals: 0, quorum: 2, revision: 2 });
    expect(await holdNow()).toMatchObject({
      revision: 2,
      content_hash: hashOf("second words"),
      author: ann,
      approved_by: [],
      subject: "second words",
      to: ["carl@third.example"],
    });
    const revisions = await world.store.run("revisions.list", { tenant: world.tenant, draft: draft.id });
    expect(revisions.map(({ number, subject, author }) => [number, subject, author])).toEqual([
      [1, "dinner at eight", author],
      [2, "second words", ann],
    ]);
    const deliveries = await world.store.run("drafts.deliveries", { tenant: world.tenant, draft: draft.id });
    expect(deliveries.map(({ recipient }) => recipient)).toEqual(["carl@third.example"]);
    const second = { content_hash: hashOf("second words") };
    expect(outcomeOf(await decide(world, attempt("approve", ann, second)))).toBe("own_draft");
    expect(outcomeOf(await decide(world, attempt("approve", ben)))).toBe("content_hash_required");
    expect(outcomeOf(await decide(world, attempt("approve", ben, { content_hash: draft.content_hash })))).toBe("content_stale");
    await setApprovals(world, { quorum: 1 });
    expect(await decide(world, attempt("approve", ben, second))).toMatchObject({ status: "approved", revision: 2 });
    const released = (await entriesFor("decision")).find(({ leaf }) => leaf["stage"] === "release");
    expect(released!.leaf).toMatchObject({ draft: { revision: 2, content_hash: hashOf("second words") } });
    expect(await entriesFor("email.edited")).toMatchObject([{ actor: `key:${ann}` }]);
  });

  it("MM-12 X-04 words that are edited back to what was approved before are to be approved again", async () => {
    await setApprovals(world, { quorum: 2 });
    await decide(world, attempt("approve", ben));
    const cy = await addKey(world, ["oversight"]);
    await decide(world, attempt("edit", ann, { edit: editOf(ann, 2, "second words") }));
    const back = editOf(cy, 3, "dinner at eight")!;
    const edit = { ...back, revision: { ...back.revision, content_hash: draft.content_hash } };
    const seen = { content_hash: hashOf("second words") };
    expect(await decide(world, attempt("edit", cy, { edit, ...seen }))).toMatchObject({ approvals: 0, revision: 3 });
    expect(await holdNow()).toMatchObject({ content_hash: draft.content_hash, approved_by: [] });
    const approve = attempt("approve", ann, { content_hash: draft.content_hash });
    expect(await decide(world, approve)).toMatchObject({ status: "waiting", approvals: 1 });
  });

  it("MM-12 of two edits at once one counts; an edit is written in its editor's name whatever it says", async () => {
    const edits = [attempt("edit", ann, { edit: editOf(ben, 2, "of ann") }), attempt("edit", ben, { edit: editOf(ben, 2, "of ben") })];
    const answers = await Promise.all(edits.map((edit) => decide(world, edit)));
    expect(answers.map(outcomeOf).toSorted()).toEqual(["content_hash_required", "waiting"]);
    const editor = outcomeOf(answers[0]!) === "waiting" ? ann : ben;
    expect(await holdNow()).toMatchObject({ author: editor, revision: 2 });
    expect((await draftNow()).revision).toMatchObject({ number: 2, author: editor });
  });

  it("an edit that could not be composed, or says the same, is refused and changes nothing", async () => {
    expect(outcomeOf(await decide(world, attempt("edit", ann)))).toBe("invalid_edit");
    const { revision, content } = editOf(ann, 2, "same")!;
    const same = { revision: { ...revision, content_hash: draft.content_hash }, content };
    expect(outcomeOf(await decide(world, attempt("edit", ann, { edit: same })))).toBe("invalid_edit");
    expect(await holdNow()).toMatchObject({ revision: 1, author });
  });
});

describe("who may decide", () => {
  it("X-01 X-05 an agent's key, a bound key of another mailbox, a stranger's, a revoked and another tenant's key decide nothing", async () => {
    const elsewhere = await addMailbox(world.store, world.tenant, `other@${newDomain()}`);
    const abroad = await openWorld();
    const revoked = await addKey(world, ["oversight"]);
    await world.store.run("keys.revoke", { tenant: world.tenant, id: revoked, at: SUBMITTED });
    const refusals: [KeyId, string][] = [
      [author, "own_draft"],
      [await addKey(world, ["send", "read"]), "not_an_approver"],
      [await addKey(world, ["admin", "operator"]), "not_an_approver"],
      [await addKey(world, ["oversight"], [elsewhere.id]), "not_an_approver"],
      [await addKey(abroad, ["oversight"]), "not_an_approver"],
      [newId("key"), "not_an_approver"],
      [revoked, "key_revoked"],
    ];
    for (const [key, code] of refusals) expect(outcomeOf(await decide(world, attempt("approve", key))), code).toBe(code);
    expect(await holdNow()).toMatchObject({ status: "waiting", approved_by: [] });
    expect((await attemptsNow()).map(({ result }) => result).toSorted()).toEqual(refusals.map(([, code]) => code).toSorted());
    const bound = await addKey(world, ["oversight"], [world.mailbox]);
    expect(outcomeOf(await decide(world, attempt("approve", bound)))).toBe("approved");
  });

  it("MB-18 another tenant's hold is not there", async () => {
    const abroad = await openWorld();
    const key = await addKey(abroad, ["oversight"]);
    const across = attemptOf(abroad, draft.id, "approve", key);
    expect(outcomeOf(await decide(abroad, across))).toBe("not_found");
    expect(outcomeOf(await decide(world, attemptOf(world, newId("drf"), "approve", ann)))).toBe("not_found");
    expect(outcomeOf(await decide(world, attemptOf(world, newId("msg"), "approve", ann)))).toBe("not_found");
    expect(await holdNow()).toMatchObject({ status: "waiting" });
  });

  it("X-05 today's policy names the approvers, not the one the draft was held under", async () => {
    await setApprovals(world, { approvers: [ann] });
    expect(outcomeOf(await decide(world, attempt("approve", ben)))).toBe("not_an_approver");
    await setApprovals(world, { approvers: [ben] });
    expect(outcomeOf(await decide(world, attempt("approve", ann)))).toBe("not_an_approver");
    expect(outcomeOf(await decide(world, attempt("approve", ben)))).toBe("approved");
    expect(await holdNow()).toMatchObject({ approvers: [ben] });
    const decision = (await releaseNow())!;
    const current = (await world.store.run("policies.current", { tenant: world.tenant, mailbox: world.mailbox }))!;
    expect(decision.policy).toEqual({ id: current.id, version: current.version, digest: current.digest });
  });

  it("X-05 whose key was revoked, or who is no longer named, stands behind nothing", async () => {
    await setApprovals(world, { quorum: 2 });
    const cy = await addKey(world, ["oversight"]);
    await decide(world, attempt("approve", ann));
    await world.store.run("keys.revoke", { tenant: world.tenant, id: ann, at: SUBMITTED + MINUTE });
    expect(await decide(world, attempt("approve", ben))).toMatchObject({ status: "waiting", approvals: 1 });
    await setApprovals(world, { quorum: 2, approvers: [ann, cy] });
    expect(await decide(world, attempt("approve", cy))).toMatchObject({ status: "waiting", approvals: 1 });
    await setApprovals(world, { quorum: 2, approvers: [ben, cy] });
    expect(await decide(world, attempt("approve", ben))).toMatchObject({ status: "approved", approvals: 2 });
  });

  it("X-05 those it is escalated to decide from then on, not before", async () => {
    const boss = await addKey(world, ["oversight"]);
    await setApprovals(world, { approvers: [ann], escalateTo: [boss] });
    expect(outcomeOf(await decide(world, attempt("approve", boss)))).toBe("not_an_approver");
    await world.store.run("holds.timer", timerOf(world, draft.id, "escalate", SUBMITTED + 5.6 * DAY));
    expect(outcomeOf(await decide(world, attempt("approve", boss)))).toBe("approved");
  });

  it("DESIGN §9.4 a policy whose approvals cannot be read lets nobody approve, and anybody reject", async () => {
    const broken = [
      { quorum: 0 },
      { quorum: null },
      { quorum: "one" },
      { approvers: "key_1" },
      { approvers: ["not a key"] },
      { approvers: null },
      { escalateTo: [7] },
    ];
    for (const approvals of broken) {
      await setApprovals(world, approvals);
      const answer = await decide(world, attempt("approve", await addKey(world, ["oversight"])));
      expect(answer, JSON.stringify(approvals)).toMatchObject({ result: "accepted", status: "waiting" });
    }
    for (const document of ["no json", "null", "[]", '"text"', '{"outbound":7}', '{"outbound":{"approvals":null}}']) {
      await setApprovals(world, {}, document);
      const answer = await decide(world, attempt("approve", await addKey(world, ["oversight"])));
      expect(answer, document).toMatchObject({ result: "accepted", status: "waiting" });
    }
    const no = attempt("reject", ann);
    await say(world, no, "no");
    expect(outcomeOf(await decide(world, no))).toBe("rejected");
  });

  it("without a token an attempt counts only where the policy trusts the namespace, and names nobody", async () => {
    const unsigned = () => attempt("approve", "namespace", { via: "signal", nonce: `run:${newId("jti")}` });
    expect(outcomeOf(await decide(world, unsigned()))).toBe("token_missing");
    const claimed = attempt("approve", ann, { signed: false });
    expect(outcomeOf(await decide(world, claimed))).toBe("token_missing");
    const refusals = await entriesFor("hold.attempt_refused");
    expect(refusals.map(({ actor }) => actor)).toEqual(["namespace", "namespace"]);
    await setApprovals(world, { trustNamespace: true });
    expect(outcomeOf(await decide(world, unsigned()))).toBe("approved");
    expect(await releaseNow()).toMatchObject({ actor: "namespace" });
  });
});

describe("an attempt counts once", () => {
  it("X-06 the same nonce again is told the same and recorded once, whatever has happened since", async () => {
    await setApprovals(world, { quorum: 2 });
    const first = attempt("approve", ann);
    const answer = await decide(world, first);
    await decide(world, attempt("approve", ben));
    const repeats = await Promise.all(
      [1, 2, 3].map(() => decide(world, { ...first, ...fresh(), decision_id: newId("dec"), at: first.at + 1 })),
    );
    for (const repeat of repeats) expect(repeat).toEqual(answer);
    expect(await attemptsNow()).toHaveLength(2);
    expect(await entriesFor("email.approved")).toHaveLength(2);
  });

  it("X-06 a nonce that served for one thing serves for nothing else, and trying is recorded once", async () => {
    await setApprovals(world, { quorum: 3 });
    const first = attempt("approve", ann);
    await decide(world, first);
    const other = await submit(world, author);
    const misuses = [
      { ...first, action: "cancel" } as const,
      { ...first, actor: ben },
      { ...first, content_hash: hashOf("else") },
      { ...first, hold: other.id },
    ];
    for (const misuse of misuses) {
      for (const _ of [1, 2]) expect(outcomeOf(await decide(world, { ...misuse, ...fresh() }))).toBe("token_used");
    }
    expect((await attemptsNow()).filter(({ result }) => result === "token_used")).toHaveLength(3);
    expect(await holdNow()).toMatchObject({ status: "waiting", approved_by: [ann] });
    expect(outcomeOf(await decide(world, first))).toBe("waiting");
  });

  it("an attempt that never reached its workflow is recorded by the door, once, and does not count later", async () => {
    const { edit: _, ...late } = attempt("approve", ann);
    for (const __ of [1, 2]) await world.store.run("holds.refused", { ...late, ...fresh(), code: "token_expired" });
    expect(await attemptsNow()).toMatchObject([{ nonce: late.nonce, result: "token_expired", actor: ann, via: "update" }]);
    expect(outcomeOf(await decide(world, { ...late, edit: null }))).toBe("token_expired");
    expect(await holdNow()).toMatchObject({ status: "waiting" });
    expect(await entriesFor("hold.attempt_refused")).toHaveLength(1);
  });

  it("text in place of a hash is not kept", async () => {
    expect(outcomeOf(await decide(world, attempt("approve", ann, { content_hash: "carl@acme.example \ud800" })))).toBe("content_stale");
    expect(JSON.stringify([await attemptsNow(), await entriesOf(world, draft.id)])).not.toContain("carl");
  });

  it("the first words under a nonce stay, and go with the private half of the log", async () => {
    const said = attempt("approve", ann);
    await say(world, said, "first");
    await say(world, said, "second");
    await decide(world, said);
    expect((await attemptsNow()).map(({ note }) => note)).toEqual(["first"]);
    const abroad = await openWorld();
    expect(await world.store.run("holds.attempts", { tenant: abroad.tenant, hold: draft.id })).toEqual([]);
    await world.store.run("audit.erase_expired", { now: said.at + 91 * DAY, limit: 1000 });
    expect((await attemptsNow()).map(({ note, result }) => [note, result])).toEqual([[null, "accepted"]]);
    expect((await entriesOf(world, draft.id)).map(({ details }) => details)).toEqual([null, null, null]);
  });

  it("X-06 can be asked what it was told as soon as it is on record, by its nonce", async () => {
    const answerTo = ({ nonce }: { readonly nonce: string }) =>
      world.store.run("holds.answer", { tenant: world.tenant, hold: draft.id, nonce });
    const [refused, said] = [attempt("approve", author), attempt("approve", ann)];
    expect(await answerTo(said)).toBeNull();
    const watches = [refused, said].map((each) => world.store.watch(attemptKey(each), 5000));
    const answers = [await decide(world, refused), await decide(world, said)];
    expect(await Promise.all(watches.map(({ moved }) => moved))).toEqual([true, true]);
    expect(answers.map(outcomeOf)).toEqual(["own_draft", "approved"]);
    expect([await answerTo(refused), await answerTo(said)]).toEqual(answers);
    const other = await submit(world, author);
    expect(await world.store.run("holds.answer", { tenant: world.tenant, hold: other.id, nonce: said.nonce })).toBeNull();
  });

  it("X-06 the approval that a workflow may not have heard of is the last one that decided and came by update", async () => {
    const lastOf = ({ id: hold }: Draft) => world.store.run("holds.approval", { tenant: world.tenant, hold });
    await setApprovals(world, { quorum: 2 });
    draft = await submit(world, author);
    await decide(world, attempt("approve", author));
    expect(await lastOf(draft)).toBeNull();
    await decide(world, attempt("approve", ann));
    expect(await lastOf(draft), "the quorum waits for another").toBeNull();
    // By a clock that is behind.
    const deciding = attempt("approve", ben, { at: SUBMITTED, content_hash: draft.content_hash });
    expect(outcomeOf(await decide(world, deciding))).toBe("approved");
    await decide(world, attempt("approve", ann, { at: SUBMITTED + HOUR }));
    expect(await lastOf(draft)).toEqual({ nonce: deciding.nonce, actor: ben, content_hash: draft.content_hash });
    await setApprovals(world, { trustNamespace: true });
    for (const how of [{ via: "signal" }, { actor: "namespace", signed: false, nonce: "run:1" }] as const) {
      const other = await submit(world, author);
      expect(outcomeOf(await decide(world, attemptOf(world, other.id, "approve", ann, how)))).toBe("approved");
      expect(await lastOf(other)).toBeNull();
    }
  });

  it("what is unknown is not settled here", async () => {
    expect(outcomeOf(await decide(world, attempt("resend", ann)))).toBe("not_unknown");
    expect(outcomeOf(await decide(world, attempt("settle", ann)))).toBe("not_unknown");
  });
});

describe("taking a draft back", () => {
  it("the author, a key with `send` that sees the mailbox, or an admin cancels; nobody else", async () => {
    expect(outcomeOf(await decide(world, attempt("cancel", ann)))).toBe("not_an_approver");
    expect(outcomeOf(await decide(world, attempt("cancel", author)))).toBe("cancelled");
    expect(await draftNow()).toMatchObject({ state: "cancelled", reason: "cancelled_by_author" });
    expect(await holdNow()).toMatchObject({ status: "cancelled" });
    expect(await releaseNow()).toMatchObject({ outcome: "cancelled", stage: "release", actor: `key:${author}` });
    draft = await submit(world, author);
    expect(outcomeOf(await decide(world, attempt("cancel", await addKey(world, ["admin"]))))).toBe("cancelled");
    expect(await draftNow()).toMatchObject({ state: "cancelled", reason: "cancelled_by_person" });
    draft = await submit(world, author);
    expect(outcomeOf(await decide(world, attempt("cancel", await addKey(world, ["send"]))))).toBe("cancelled");
  });

  it("what is approved and has not left is taken back by a decision at stage send; the hold stays as it was decided", async () => {
    await decide(world, attempt("approve", ann));
    expect(outcomeOf(await decide(world, attempt("cancel", ann)))).toBe("not_an_approver");
    const back = attempt("cancel", author);
    expect(await decide(world, back)).toMatchObject({ result: "accepted", status: "cancelled" });
    expect(await draftNow()).toMatchObject({ state: "cancelled", reason: "cancelled_by_author", decision: back.decision_id });
    expect(await holdNow()).toMatchObject({ status: "approved" });
    const sent = await world.store.run("decisions.of_draft", { message: draft.letter.input.message, stage: "send" });
    expect(sent).toMatchObject({ outcome: "cancelled", supersedes: (await releaseNow())!.id });
    expect(outcomeOf(await decide(world, attempt("cancel", author)))).toBe("already_decided");
  });

  it("what never waited is taken back too, by who may", async () => {
    draft = await submit(world, author, "queued");
    expect(await world.store.run("holds.get", { tenant: world.tenant, id: draft.id })).toBeNull();
    expect(outcomeOf(await decide(world, attempt("approve", ann)))).toBe("not_found");
    expect(outcomeOf(await decide(world, attempt("cancel", ann)))).toBe("not_an_approver");
    expect(outcomeOf(await decide(world, attempt("cancel", author)))).toBe("cancelled");
  });

  describe("while it is being sent", () => {
    let sending: OutboundWorld;
    beforeEach(async () => {
      sending = await openSendingWorld();
    });

    const cancel = (letter: ScreenProposal) =>
      decide(sending, attemptOf(sending, letter.input.draft, "cancel", sending.author, { at: SENT + 2000 }));

    it("a connection does not matter: the claim finds it taken back", async () => {
      const letter = await queued(sending);
      const attempt = await opened(sending, letter);
      expect(outcomeOf(await cancel(letter))).toBe("cancelled");
      expect(await claim(sending, letter, attempt)).toMatchObject({ claimed: false, why: "cancelled" });
      expect(await draftOf(sending, letter)).toMatchObject({ state: "cancelled", reason: "cancelled_by_author" });
    });

    it("whom everybody put off is taken back, by a decision of its own beside the one that let it go", async () => {
      const letter = await queued(sending);
      await record(sending, letter, await claimed(sending, letter), "completed", { [ANN]: 451, [BEN]: 451 });
      const before = await world.store.run("decisions.of_draft", { message: letter.input.message, stage: "send" });
      expect(before).toMatchObject({ outcome: "sending" });
      expect(outcomeOf(await cancel(letter))).toBe("cancelled");
      const after = await world.store.run("decisions.of_draft", { message: letter.input.message, stage: "send" });
      expect(after).toMatchObject({ outcome: "cancelled", supersedes: before!.id });
      expect(await fates(sending, letter)).toEqual({ [ANN]: "refused 451", [BEN]: "refused 451" });
      const decisions = (await entriesOf(sending, letter.input.draft)).filter(({ action }) => action === "decision");
      expect(decisions.map(({ leaf }) => leaf["outcome"] as string).toSorted()).toEqual(["cancelled", "queued", "sending"]);
    });

    it("what may have reached somebody is not taken back", async () => {
      const inFlight = await queued(sending);
      await claimed(sending, inFlight);
      const inPart = await queued(sending);
      await record(sending, inPart, await claimed(sending, inPart), "completed", { [ANN]: 250, [BEN]: 451 });
      const lost = await queued(sending);
      await record(sending, lost, await claimed(sending, lost), "unknown", { [ANN]: null, [BEN]: null });
      for (const letter of [inFlight, inPart, lost]) {
        const before = await draftOf(sending, letter);
        expect(outcomeOf(await cancel(letter))).toBe("already_decided");
        expect(await draftOf(sending, letter)).toEqual(before);
      }
    });
  });
});

describe("time", () => {
  it("X-02 at its end it expires by itself, and never approves", async () => {
    const timer = timerOf(world, draft.id, "expire", EXPIRY);
    expect(await world.store.run("holds.timer", timer)).toEqual({ status: "expired" });
    expect(await draftNow()).toMatchObject({ state: "expired", reason: "hold_expired" });
    expect(await releaseNow()).toMatchObject({ id: timer.decision_id, outcome: "expired", judged_at: "expiry", actor: "postern" });
    expect(await world.store.run("holds.timer", timerOf(world, draft.id, "expire", EXPIRY + 1))).toEqual({ status: "expired" });
    expect(outcomeOf(await decide(world, attempt("approve", ann, { at: EXPIRY + 2 })))).toBe("already_decided");
    expect(await entriesFor("decision")).toHaveLength(2);
  });

  it("X-02 an approval after its end is refused though no timer has rung, and the hold is over", async () => {
    const late = attempt("approve", ann, { at: EXPIRY });
    expect(outcomeOf(await decide(world, late))).toBe("already_decided");
    expect(await holdNow()).toMatchObject({ status: "expired", decided_at: EXPIRY });
    expect(await draftNow()).toMatchObject({ state: "expired" });
    expect(await releaseNow()).toMatchObject({ outcome: "expired", actor: "postern" });
    expect((await entriesOf(world, draft.id)).map(({ action }) => action).toSorted()).toEqual([
      "decision",
      "decision",
      "hold.attempt_refused",
    ]);
    expect(await world.store.run("holds.timer", timerOf(world, draft.id, "expire", EXPIRY))).toEqual({ status: "expired" });
  });

  it("X-05 a reminder and an escalation are told once, and wake who watches the list", async () => {
    for (const [event, action] of [
      ["remind", "hold.reminded"],
      ["escalate", "hold.escalated"],
    ] as const) {
      const watch = world.store.watch(`pending:${world.tenant}`, 5000);
      expect(await world.store.run("holds.timer", timerOf(world, draft.id, event, SUBMITTED + DAY))).toEqual({ status: "waiting" });
      expect(await watch.moved).toBe(true);
      expect(await world.store.run("holds.timer", timerOf(world, draft.id, event, SUBMITTED + 2 * DAY))).toEqual({ status: "waiting" });
      expect((await entriesOf(world, draft.id)).filter((entry) => entry.action === action)).toHaveLength(1);
    }
    expect(await holdNow()).toMatchObject({ status: "waiting", reminded_at: SUBMITTED + DAY, escalated_at: SUBMITTED + DAY });
  });

  it("a timer that rings early or late changes nothing", async () => {
    expect(await world.store.run("holds.timer", timerOf(world, draft.id, "expire", EXPIRY - DAY))).toEqual({ status: "waiting" });
    await decide(world, attempt("approve", ann));
    for (const event of ["remind", "escalate", "expire"] as const) {
      expect(await world.store.run("holds.timer", timerOf(world, draft.id, event, EXPIRY))).toEqual({ status: "approved" });
    }
    expect(await holdNow()).toMatchObject({ reminded_at: null, escalated_at: null });
    await expect(world.store.run("holds.timer", timerOf(world, newId("drf"), "expire", EXPIRY))).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

describe("inbound mail that waits", () => {
  async function hold(outcome: "held" | "quarantined" = "held") {
    const proposal = proposalOf(world, { proposal: { outcome, reason: "suspicious", judged_at: "content_guards" } });
    const decision = await world.store.run("inbound.decide", proposal);
    return { proposal, decision, id: proposal.input.message };
  }

  it.each(["held", "quarantined"] as const)("X-07 waits in the same list as drafts when it is %s", async (outcome) => {
    const { id, proposal } = await hold(outcome);
    await world.store.run("inbound.decide", again(proposal));
    expect(await world.store.run("holds.get", { tenant: world.tenant, id })).toMatchObject({
      direction: "inbound",
      kind: "inbound",
      status: "waiting",
      reason: "suspicious",
      subject: "meeting",
      to: ["assistant@acme.example"],
      from: "boss@acme.example",
      revision: 1,
      content_hash: proposal.input.ref.digest,
      author: null,
      times: { expires_at: proposal.at + 7 * DAY },
    });
    const both = await world.store.run("holds.list", { tenant: world.tenant, limit: 10 });
    expect(both.items.map((item) => item.id).toSorted()).toEqual([draft.id, id].toSorted());
  });

  it("X-07 MM-03 approving delivers it as a release does, once", async () => {
    const { id, decision } = await hold();
    const said = attemptOf(world, id, "approve", ann);
    await say(world, said, "a customer");
    expect(outcomeOf(await decide(world, said))).toBe("approved");
    expect(await world.store.run("decisions.final", { message: id, stage: "release" })).toMatchObject({
      id: said.decision_id,
      outcome: "delivered",
      reason: "released_by_person",
      actor: `key:${ann}`,
      supersedes: decision.id,
      capabilities: decision.capabilities,
    });
    expect(await world.store.run("messages.get", { tenant: world.tenant, id, view: "agent" })).toMatchObject({
      outcome: "delivered",
      tokens_reserved: 100,
      delivery_seq: 1,
    });
    expect(outcomeOf(await decide(world, attemptOf(world, id, "approve", ben)))).toBe("already_decided");
    const actions = (await entriesOf(world, id)).map(({ action }) => action);
    expect(actions.toSorted()).toEqual(["decision", "decision", "email.approved", "hold.attempt_refused"]);
  });

  it("X-07 an admin's key decides about inbound mail too, rejecting discards, and nothing is edited or cancelled", async () => {
    const { id } = await hold("quarantined");
    const admin = await addKey(world, ["admin"]);
    expect(outcomeOf(await decide(world, attemptOf(world, id, "edit", admin, { edit: editOf(admin, 2, "else") })))).toBe("not_editable");
    expect(outcomeOf(await decide(world, attemptOf(world, id, "cancel", admin)))).toBe("not_an_approver");
    expect(outcomeOf(await decide(world, attemptOf(world, id, "approve", author)))).toBe("not_an_approver");
    const said = attemptOf(world, id, "reject", admin);
    await say(world, said, "phishing");
    expect(outcomeOf(await decide(world, said))).toBe("rejected");
    expect(await world.store.run("messages.get", { tenant: world.tenant, id, view: "all" })).toMatchObject({ outcome: "discarded" });
  });

  it("X-02 at its end it is thrown away, not delivered", async () => {
    await setApprovals(world, { expireAfter: "36 h", remindAfter: "90 min" });
    const { id, proposal } = await hold();
    const row = await world.store.run("holds.get", { tenant: world.tenant, id });
    expect(row!.times).toEqual({
      remind_at: proposal.at + 90 * MINUTE,
      escalate_at: proposal.at + 28.8 * HOUR,
      expires_at: proposal.at + 36 * HOUR,
    });
    expect(await world.store.run("holds.timer", timerOf(world, id, "expire", proposal.at + 36 * HOUR))).toEqual({ status: "expired" });
    expect(await world.store.run("decisions.final", { message: id, stage: "release" })).toMatchObject({
      outcome: "discarded",
      reason: "hold_expired",
      judged_at: "expiry",
      actor: "postern",
    });
    expect(await world.store.run("messages.get", { tenant: world.tenant, id, view: "agent" })).toBeNull();
  });

  it("mail that was held before holds had rows waits from its first attempt on, with a whole time ahead", async () => {
    const { id, proposal } = await hold();
    forgetHold(world.path, id);
    const at = proposal.at + 30 * DAY;
    const mute = attemptOf(world, id, "reject", ann, { at });
    expect(outcomeOf(await decide(world, mute))).toBe("reason_required");
    expect(await world.store.run("holds.get", { tenant: world.tenant, id })).toMatchObject({
      status: "waiting",
      times: { expires_at: at + 7 * DAY },
    });
    forgetHold(world.path, id);
    expect(await world.store.run("holds.timer", timerOf(world, id, "remind", at))).toEqual({ status: "waiting" });
    expect(outcomeOf(await decide(world, attemptOf(world, id, "approve", ann, { at })))).toBe("approved");
    const delivered = proposalOf(world);
    await world.store.run("inbound.decide", delivered);
    expect(outcomeOf(await decide(world, attemptOf(world, delivered.input.message, "approve", ann)))).toBe("not_found");
  });
});

/** As a database looks that an earlier version wrote. */
function forgetHold(path: string, id: string): void {
  using database = openRows(path);
  database.prepare("delete from holds where id = ?").run(id);
}
