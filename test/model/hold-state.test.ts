import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { HoldActor } from "../../src/model/hold.ts";
import {
  hasQuorum,
  standingApprovals,
  transition,
  type HoldEvent,
  type HoldRules,
  type HoldState,
  type HoldVerdict,
} from "../../src/model/hold-state.ts";
import type { KeyId } from "../../src/model/ids.ts";

const AGENT: KeyId = "key_agent";
const [ANN, BEN, CY]: KeyId[] = ["key_ann", "key_ben", "key_cy"];
const STRANGER: KeyId = "key_stranger";
const END = 1_000_000;

const WAITING: HoldState = {
  kind: "send",
  status: "waiting",
  revision: 1,
  content_hash: "one",
  writer: AGENT,
  author: AGENT,
  approvals: [],
  reminded: false,
  escalated: false,
  expires_at: END,
};

const RULES: HoldRules = {
  quorum: 1,
  trust_namespace: false,
  approvers: [ANN!, BEN!, CY!],
  cancellers: [AGENT],
  revoked: [],
};

const by = (actor: HoldActor, content_hash: string | null = null, at = 0) => ({
  actor,
  content_hash,
  at,
  signed: actor !== "namespace",
});
const approve = (...args: Parameters<typeof by>): HoldEvent => ({ type: "approve", ...by(...args) });
const reject = (actor: HoldActor, has_reason = true): HoldEvent => ({ type: "reject", ...by(actor), has_reason });
const edit = (actor: HoldActor, number: number, content_hash: string, seen: string | null = null): HoldEvent => ({
  type: "edit",
  ...by(actor, seen),
  revision: { number, content_hash },
});
const cancel = (actor: HoldActor): HoldEvent => ({ type: "cancel", ...by(actor) });

function after(state: HoldState, rules: HoldRules, ...events: readonly HoldEvent[]): HoldState {
  return events.reduce((now, event) => {
    const verdict = transition(now, rules, event);
    if (verdict.result === "refused") throw new Error(`${event.type}: ${verdict.code}`);
    return verdict.state;
  }, state);
}

function codeOf(verdict: HoldVerdict): string {
  return verdict.result === "refused" ? verdict.code : "accepted";
}

describe("what one attempt comes to", () => {
  it("MM-13 an approver approves, one rejection ends it, the author takes it back", () => {
    expect(after(WAITING, RULES, approve(ANN!))).toMatchObject({ status: "approved" });
    expect(after(WAITING, RULES, reject(ANN!))).toMatchObject({ status: "rejected" });
    expect(after(WAITING, RULES, cancel(AGENT))).toMatchObject({ status: "cancelled" });
  });

  it("MM-11 a rejection needs a reason, a second decision comes too late", () => {
    expect(codeOf(transition(WAITING, RULES, reject(ANN!, false)))).toBe("reason_required");
    const approved = after(WAITING, RULES, approve(ANN!));
    for (const late of [approve(BEN!), reject(BEN!), edit(BEN!, 2, "two"), cancel(AGENT)]) {
      expect(codeOf(transition(approved, RULES, late))).toBe("already_decided");
    }
  });

  it("MM-11 X-04 the hash may be left out while there is one revision, and must be that of the content that waits", () => {
    expect(codeOf(transition(WAITING, RULES, approve(ANN!, "one")))).toBe("accepted");
    expect(codeOf(transition(WAITING, RULES, approve(ANN!, "other")))).toBe("content_stale");
    const edited = after(WAITING, RULES, edit(ANN!, 2, "two"));
    expect(edited).toMatchObject({ revision: 2, content_hash: "two", author: ANN });
    expect(codeOf(transition(edited, RULES, approve(BEN!)))).toBe("content_hash_required");
    expect(codeOf(transition(edited, RULES, approve(BEN!, "one")))).toBe("content_stale");
    expect(codeOf(transition(edited, RULES, approve(BEN!, "two")))).toBe("accepted");
    const unseen: HoldEvent = { type: "edit", ...by(BEN!), revision: { number: 3, content_hash: "three" } };
    expect(codeOf(transition(edited, RULES, unseen))).toBe("content_hash_required");
  });

  it("X-05 a quorum is counted in different people", () => {
    const two = { ...RULES, quorum: 2 };
    const once = after(WAITING, two, approve(ANN!));
    expect(once.status).toBe("waiting");
    expect(codeOf(transition(once, two, approve(ANN!)))).toBe("already_approved");
    expect(after(once, two, approve(BEN!)).status).toBe("approved");
    // Fewer have to agree since: the same person's next word ends it.
    expect(after(once, RULES, approve(ANN!)).status).toBe("approved");
  });

  it("X-05 who may no longer approve stands behind nothing", () => {
    const two = { ...RULES, quorum: 2 };
    const once = after(WAITING, two, approve(ANN!));
    const without = { ...two, approvers: [BEN!, CY!] };
    expect(after(once, without, approve(BEN!)).status).toBe("waiting");
    const revoked = { ...two, revoked: [ANN!] };
    expect(standingApprovals(once, revoked)).toEqual([]);
    expect(after(once, revoked, approve(BEN!)).status).toBe("waiting");
    expect(codeOf(transition(once, revoked, approve(ANN!)))).toBe("key_revoked");
  });

  it("MM-12 an edit drops earlier approvals, and nobody approves what they wrote or last edited", () => {
    const two = { ...RULES, quorum: 2 };
    const edited = after(WAITING, two, approve(BEN!), edit(ANN!, 2, "two"));
    expect(edited.approvals).toEqual([]);
    expect(codeOf(transition(edited, two, approve(ANN!, "two")))).toBe("own_draft");
    expect(codeOf(transition(WAITING, { ...RULES, approvers: [AGENT] }, approve(AGENT)))).toBe("own_draft");
    const again = after(edited, two, edit(BEN!, 3, "three", "two"));
    expect(after(again, two, approve(ANN!, "three"), approve(CY!, "three")).status).toBe("approved");
    expect(codeOf(transition(again, { ...two, approvers: [AGENT] }, approve(AGENT, "three")))).toBe("own_draft");
  });

  it("X-04 an approval of other content is none", () => {
    const other = { ...WAITING, approvals: [{ actor: ANN!, content_hash: "other" }] };
    expect(standingApprovals(other, RULES)).toEqual([]);
    expect(hasQuorum(other, RULES)).toBe(false);
  });

  it("an edit is one of a draft, by an approver, of what waits, and changes it", () => {
    expect(codeOf(transition(WAITING, RULES, edit(AGENT, 2, "two")))).toBe("not_an_approver");
    expect(codeOf(transition(WAITING, RULES, edit(ANN!, 2, "one")))).toBe("invalid_edit");
    expect(codeOf(transition(WAITING, RULES, edit(ANN!, 3, "three")))).toBe("content_stale");
    expect(codeOf(transition(WAITING, RULES, { type: "edit", ...by(ANN!), revision: null }))).toBe("invalid_edit");
    const inbound = { ...WAITING, kind: "inbound", writer: null, author: null } as const;
    expect(codeOf(transition(inbound, RULES, edit(ANN!, 2, "two")))).toBe("not_editable");
    expect(codeOf(transition(inbound, RULES, cancel(AGENT)))).toBe("not_an_approver");
    expect(after(inbound, RULES, approve(ANN!)).status).toBe("approved");
  });

  it("without a token nobody is anybody, unless the namespace is trusted, and then it is one approver", () => {
    expect(codeOf(transition(WAITING, RULES, approve("namespace")))).toBe("token_missing");
    expect(codeOf(transition(WAITING, RULES, { type: "approve", ...by(ANN!), signed: false }))).toBe("token_missing");
    expect(codeOf(transition(WAITING, RULES, { type: "approve", ...by("namespace"), signed: true }))).toBe("token_invalid");
    const trusting = { ...RULES, trust_namespace: true, quorum: 2 };
    expect(codeOf(transition(WAITING, trusting, { type: "approve", ...by(ANN!), signed: false }))).toBe("token_missing");
    const once = after(WAITING, trusting, approve("namespace"));
    expect(codeOf(transition(once, trusting, approve("namespace")))).toBe("already_approved");
    expect(after(once, trusting, approve(ANN!)).status).toBe("approved");
    expect(standingApprovals(once, { ...trusting, trust_namespace: false })).toEqual([]);
  });

  it("who asks is answered before what there is", () => {
    const approved = after(WAITING, RULES, approve(ANN!));
    expect(codeOf(transition(approved, RULES, approve(STRANGER)))).toBe("not_an_approver");
    expect(codeOf(transition(approved, RULES, cancel(STRANGER)))).toBe("not_an_approver");
    expect(codeOf(transition(approved, RULES, approve("namespace")))).toBe("token_missing");
  });

  it("a quorum that is no number is never met, one that is too small needs a person all the same", () => {
    const once = after(WAITING, { ...RULES, quorum: 2 }, approve(ANN!));
    expect(hasQuorum(once, { ...RULES, quorum: Number.NaN })).toBe(false);
    expect(hasQuorum(WAITING, { ...RULES, quorum: 0 })).toBe(false);
    expect(hasQuorum(once, { ...RULES, quorum: -3 })).toBe(true);
  });
});

describe("time", () => {
  it("X-02 a hold expires at its end and is never approved from then on", () => {
    expect(codeOf(transition(WAITING, RULES, approve(ANN!, null, END - 1)))).toBe("accepted");
    expect(codeOf(transition(WAITING, RULES, approve(ANN!, null, END)))).toBe("already_decided");
    expect(after(WAITING, RULES, { type: "expire", at: END })).toMatchObject({ status: "expired", approvals: [] });
  });

  it("X-02 a timer that comes early, late or twice changes nothing", () => {
    expect(after(WAITING, RULES, { type: "expire", at: END / 2 })).toBe(WAITING);
    const reminded = after(WAITING, RULES, { type: "remind", at: 1 });
    expect(reminded).toEqual({ ...WAITING, reminded: true });
    expect(after(reminded, RULES, { type: "remind", at: 2 })).toBe(reminded);
    const escalated = after(reminded, RULES, { type: "escalate", at: 3 });
    expect(after(escalated, RULES, { type: "escalate", at: 4 })).toBe(escalated);
    const approved = after(WAITING, RULES, approve(ANN!));
    for (const type of ["remind", "escalate", "expire"] as const) expect(after(approved, RULES, { type, at: END })).toBe(approved);
  });

  it("DESIGN §4.5 only what was approved waits again, with nobody's approval", () => {
    const approved = after(WAITING, RULES, { type: "remind", at: 1 }, approve(ANN!));
    const reopened = after(approved, RULES, { type: "reopen", expires_at: END * 2 });
    expect(reopened).toEqual({ ...WAITING, expires_at: END * 2 });
    expect(after(reopened, RULES, approve(ANN!)).status).toBe("approved");
    for (const state of [WAITING, after(WAITING, RULES, reject(ANN!)), { ...approved, kind: "inbound" } as const]) {
      expect(codeOf(transition(state, RULES, { type: "reopen", expires_at: END * 2 }))).toBe("already_decided");
    }
  });
});

const ACTORS: readonly HoldActor[] = [AGENT, ANN!, BEN!, CY!, STRANGER, "namespace"];
const KEYS = ACTORS.filter((actor) => actor !== "namespace");
const anyActor = fc.constantFrom(...ACTORS);
const anyHash = fc.constantFrom("one", "two", "three", "four", null);
const anyTime = fc.integer({ min: 0, max: END + END / 4 });

const anyRules: fc.Arbitrary<HoldRules> = fc.record({
  quorum: fc.constantFrom(1, 1, 2, 3, 0, Number.NaN),
  trust_namespace: fc.boolean(),
  approvers: fc.subarray([...KEYS]),
  cancellers: fc.subarray([...KEYS]),
  revoked: fc.subarray([...KEYS], { maxLength: 2 }),
});

const attempt = { actor: anyActor, signed: fc.boolean(), content_hash: anyHash, at: anyTime };
const anyEvent: fc.Arbitrary<HoldEvent> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant("approve" as const), ...attempt }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("cancel" as const), ...attempt }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("reject" as const), ...attempt, has_reason: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("edit" as const),
      ...attempt,
      revision: fc.option(
        fc.record({ number: fc.integer({ min: 1, max: 6 }), content_hash: fc.constantFrom("one", "two", "three", "four") }),
      ),
    }),
  },
  fc.record({ type: fc.constantFrom("remind" as const, "escalate" as const, "expire" as const), at: anyTime }),
  fc.record({ type: fc.constant("reopen" as const), expires_at: fc.integer({ min: END, max: 2 * END }) }),
);

/** One step: an event under the documents of its moment, now and then the very same once more. */
const anyStep = fc.record({ event: anyEvent, rules: anyRules, twice: fc.boolean() });

/** What the machine must come to, kept in other words than its own: whose accepted approvals are for what waits now. */
class Witness {
  readonly #approvedBy = new Set<HoldActor>();
  finals = 0;

  see(before: HoldState, event: HoldEvent, rules: HoldRules, now: HoldState): void {
    if (now === before) return;
    if (event.type === "edit" || event.type === "reopen") this.#approvedBy.clear();
    if (event.type === "approve") this.#approvedBy.add(event.actor);
    if (event.type === "reopen") this.finals = 0;
    if (before.status === "waiting" && now.status !== "waiting") this.finals += 1;
    if (before.status !== "waiting" && event.type !== "reopen") throw new Error(`${event.type} moved what was ${before.status}`);
    if (now.status === "approved" && before.status !== "approved") mustHaveQuorum(event, before, rules, this.#approvedBy);
  }
}

function mustHaveQuorum(event: HoldEvent, hold: HoldState, rules: HoldRules, approvedBy: ReadonlySet<HoldActor>): void {
  expect(event).toMatchObject({ type: "approve" });
  if (event.type !== "approve") return;
  expect(event.at).toBeLessThan(hold.expires_at);
  expect(event.content_hash ?? hold.content_hash).toBe(hold.content_hash);
  const valid = [...approvedBy].filter((actor) => {
    if (actor === hold.writer || actor === hold.author) return false;
    if (actor === "namespace") return rules.trust_namespace;
    return rules.approvers.includes(actor) && !rules.revoked.includes(actor);
  });
  expect(valid.length).toBeGreaterThanOrEqual(Number.isNaN(rules.quorum) ? Infinity : Math.max(1, rules.quorum));
}

describe("any interleaving", () => {
  it("X-06 one outcome a round, never approved without a quorum of valid approvers of exactly what waits, total", () => {
    const reached = new Map<string, number>();
    fc.assert(
      fc.property(fc.constantFrom("send" as const, "inbound" as const), fc.array(anyStep, { maxLength: 40 }), (kind, steps) => {
        const witness = new Witness();
        let state: HoldState = kind === "send" ? WAITING : { ...WAITING, kind, writer: null, author: null };
        for (const { event, rules, twice } of steps) {
          for (let times = twice ? 2 : 1; times > 0; times--) {
            const verdict = transition(state, rules, event);
            const next = verdict.result === "accepted" ? verdict.state : state;
            witness.see(state, event, rules, next);
            expect(witness.finals).toBeLessThanOrEqual(1);
            if (event.type === "expire") expect(next.status).not.toBe(state.status === "approved" ? "expired" : "approved");
            if (event.type === "edit" && next !== state)
              expect(next).toMatchObject({ approvals: [], author: event.actor, status: "waiting" });
            expect(next.revision).toBeGreaterThanOrEqual(state.revision);
            state = next;
          }
        }
        reached.set(state.status, (reached.get(state.status) ?? 0) + 1);
      }),
      { numRuns: 1_000 },
    );
    // The search is worth something only if it gets everywhere.
    expect([...reached.keys()].toSorted()).toEqual(["approved", "cancelled", "expired", "rejected", "waiting"]);
  });

  it("an event that is refused by one state is never a fault in another: hostile values included", () => {
    const anyState: fc.Arbitrary<HoldState> = fc.record({
      kind: fc.constantFrom("send" as const, "inbound" as const),
      status: fc.constantFrom("waiting" as const, "approved" as const, "rejected" as const, "expired" as const, "cancelled" as const),
      revision: fc.oneof(fc.integer(), fc.constant(Number.NaN)),
      content_hash: fc.string(),
      writer: fc.option(anyActor),
      author: fc.option(anyActor),
      approvals: fc.array(fc.record({ actor: anyActor, content_hash: fc.string() })),
      reminded: fc.boolean(),
      escalated: fc.boolean(),
      expires_at: fc.oneof(fc.integer(), fc.constant(Number.NaN)),
    });
    fc.assert(
      fc.property(anyState, anyRules, anyEvent, (state, rules, event) => {
        const verdict = transition(state, rules, event);
        if (verdict.result === "accepted" && verdict.state.status === "approved" && state.status !== "approved") {
          expect(hasQuorum(verdict.state, rules)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
