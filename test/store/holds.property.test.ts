import fc from "fast-check";
import { expect, inject, it } from "vitest";
import type { HoldAnswer } from "../../src/model/hold.ts";
import type { KeyId } from "../../src/model/ids.ts";
import { openRows, type Rows } from "../support/postgres/rows.ts";
import { DAY, newId } from "./samples.ts";
import {
  addKey,
  attemptOf,
  editOf,
  EXPIRY,
  hashOf,
  say,
  screenAgain,
  setApprovals,
  submit,
  SUBMITTED,
  timerOf,
  type Draft,
} from "./hold-samples.ts";
import { fresh } from "./outbound-samples.ts";
import { openWorld, runs, type World } from "./world.ts";

/** What one caller does. `day` runs past the hold's end; `seen`: which hash it says it saw. */
interface Step {
  readonly what: "approve" | "reject" | "edit" | "cancel" | "remind" | "escalate" | "expire";
  readonly who: number;
  readonly seen: "nothing" | "current" | "first" | "another";
  readonly day: number;
  /** Without a token, in the name of `who` or of nobody. */
  readonly forged: "no" | "as key" | "as nobody";
  /** The very same once more at once. */
  readonly twice: boolean;
  /** With the nonce of the caller's step before. */
  readonly stolen: boolean;
}

/** Documents and keys of a while, and what two callers do meanwhile, each in its order. */
interface Batch {
  readonly quorum: 1 | 2 | 3;
  /** Indices into the people; empty: all. */
  readonly approvers: readonly number[];
  readonly trusting: boolean;
  readonly revoke: number | null;
  readonly callers: readonly (readonly Step[])[];
}

const PEOPLE = 6;
const [AUTHOR, STRANGER] = [0, 5];

const anyStep: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    { weight: 8, arbitrary: fc.constant("approve" as const) },
    { weight: 3, arbitrary: fc.constant("edit" as const) },
    fc.constantFrom("reject" as const, "cancel" as const, "remind" as const, "escalate" as const, "expire" as const),
  ),
  who: fc.nat(PEOPLE - 1),
  seen: fc.oneof(
    { weight: 6, arbitrary: fc.constant("current" as const) },
    fc.constantFrom("nothing" as const, "first" as const, "another" as const),
  ),
  day: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 6 }) }, fc.integer({ min: 7, max: 8 })),
  forged: fc.oneof({ weight: 8, arbitrary: fc.constant("no" as const) }, fc.constantFrom("as key" as const, "as nobody" as const)),
  twice: fc.boolean(),
  stolen: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, fc.constant(true)),
});

/** Drawn blindly, most attempts count for nothing: here is one that would end it. */
const ending = fc.tuple(
  anyStep,
  fc.constantFrom<Partial<Step>>({ what: "cancel", who: AUTHOR }, { what: "reject", who: 3, seen: "current" }),
);
const step = fc.oneof(
  { weight: 8, arbitrary: anyStep },
  ending.map(([drawn, change]): Step => ({ ...drawn, day: drawn.day % 7, forged: "no", stolen: false, ...change })),
);

const batch: fc.Arbitrary<Batch> = fc.record({
  quorum: fc.constantFrom(1 as const, 2 as const, 3 as const),
  approvers: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.subarray([1, 2, 3, 4], { minLength: 1 })),
  trusting: fc.boolean(),
  revoke: fc.oneof({ weight: 5, arbitrary: fc.constant(null) }, fc.constantFrom(1, 2)),
  callers: fc.tuple(fc.array(step, { maxLength: 4 }), fc.array(step, { maxLength: 4 })),
});

it("X-06 MM-13 whatever two callers do at once, one outcome a round, and none approved without a quorum for exactly what waits", async () => {
  const world = await openWorld();
  using rows = openRows(world.path);
  const reached = new Map<string, number>();
  const count = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 5 }), async (batches) => {
      const people = await makePeople(world);
      const draft = await submit(world, people[AUTHOR]!);
      const oracle = new Oracle(world, draft, people, rows);
      for (const now of batches) {
        await putInForce(world, people, now);
        oracle.begin(now);
        await Promise.all(now.callers.map((steps) => act(world, draft, people, steps)));
        await oracle.check();
        // Its approval may fit no longer: then it waits again, in a new round.
        if (oracle.status === "approved" && (await screenAgain(world, draft)).kind === "stale") {
          oracle.reopen();
          count("reopened");
        }
      }
      count(oracle.status);
    }),
    { numRuns: runs(80) },
  );
  // The search is worth something only if it gets everywhere.
  if (inject("storeEngine") !== "postgres") {
    expect([...reached.keys()].toSorted()).toEqual(["approved", "cancelled", "expired", "rejected", "reopened", "waiting"]);
  }
}, 120_000);

async function makePeople(world: World): Promise<readonly KeyId[]> {
  const people = [await addKey(world, ["send"])];
  while (people.length < STRANGER) people.push(await addKey(world, ["oversight"]));
  return [...people, await addKey(await openWorld(), ["oversight"])];
}

async function putInForce(world: World, people: readonly KeyId[], { quorum, approvers, trusting, revoke }: Batch): Promise<void> {
  const named = approvers.length === 0 ? {} : { approvers: approvers.map((index) => people[index]) };
  await setApprovals(world, { quorum, trustNamespace: trusting, ...named });
  if (revoke !== null) await world.store.run("keys.revoke", { tenant: world.tenant, id: people[revoke]!, at: SUBMITTED });
}

async function act(world: World, draft: Draft, people: readonly KeyId[], steps: readonly Step[]): Promise<void> {
  let last: string = newId("jti");
  for (const step of steps) {
    const at = SUBMITTED + step.day * DAY;
    if (step.what === "remind" || step.what === "escalate" || step.what === "expire") {
      await world.store.run("holds.timer", timerOf(world, draft.id, step.what, at));
      continue;
    }
    const nonce = step.stolen ? last : newId("jti");
    last = nonce;
    const attempt = await attemptFor(world, draft, people, step, nonce, at);
    if (step.what === "reject") await say(world, attempt, "no");
    await Promise.all(
      (step.twice ? [1, 2] : [1]).map(() => world.store.run("holds.decide", { ...attempt, ...fresh(), decision_id: newId("dec") })),
    );
  }
}

async function attemptFor(world: World, draft: Draft, people: readonly KeyId[], step: Step, nonce: string, at: number) {
  const hold = (await world.store.run("holds.get", { tenant: world.tenant, id: draft.id }))!;
  const who = people[step.who]!;
  const hashes = { nothing: null, current: hold.content_hash, first: draft.content_hash, another: hashOf("another") };
  const what = step.what as "approve" | "reject" | "edit" | "cancel";
  return attemptOf(world, draft.id, what, step.forged === "as nobody" ? "namespace" : who, {
    nonce,
    at,
    signed: step.forged === "no",
    content_hash: hashes[step.seen],
    edit: what === "edit" ? editOf(who, hold.revision + 1, `words ${nonce}`) : null,
  });
}

interface Recorded {
  readonly action: string;
  readonly actor: string;
  readonly content_hash: string | null;
  readonly result: string;
  readonly answer: HoldAnswer;
  readonly at: number;
}

function mustBe<T>(actual: T, wanted: T): void {
  expect(actual).toBe(wanted);
}

/** Reads the record as an auditor would, straight from the tables in the order written, and counts for itself. */
class Oracle {
  status = "waiting";
  readonly #world: World;
  readonly #draft: Draft;
  readonly #people: readonly KeyId[];
  readonly #rows: Rows;
  #now: Batch | null = null;
  #read = 0;
  #round = 1;
  #hash: string;
  #author: string;
  #ends = 0;
  readonly #behind = new Set<string>();
  readonly #revoked = new Set<string>();

  constructor(world: World, draft: Draft, people: readonly KeyId[], rows: Rows) {
    this.#world = world;
    this.#draft = draft;
    this.#people = people;
    this.#rows = rows;
    this.#hash = draft.content_hash;
    this.#author = draft.author;
  }

  begin(now: Batch): void {
    this.#now = now;
    if (now.revoke !== null) this.#revoked.add(this.#people[now.revoke]!);
  }

  reopen(): void {
    this.status = "waiting";
    this.#round += 1;
    this.#ends = 0;
    this.#behind.clear();
  }

  async check(): Promise<void> {
    for (const attempt of this.#newAttempts()) this.#follow(attempt);
    const { store, tenant } = this.#world;
    const hold = (await store.run("holds.get", { tenant, id: this.#draft.id }))!;
    const draft = (await store.run("drafts.get", { tenant, id: this.#draft.id }))!;
    // What no attempt did time did, and time only expires.
    if (this.status === "waiting" && hold.status !== "waiting") this.#expired(hold.status);
    const takenBack = this.status === "approved" && draft.state === "cancelled";
    mustBe(hold.status, this.status);
    mustBe(draft.state, takenBack ? "cancelled" : DRAFT_OF[hold.status]);
    mustBe(hold.content_hash, this.#hash);
    mustBe(draft.revision.content_hash, this.#hash);
    mustBe(this.#decisions(this.#round), this.#ends);
    this.#everyDecisionHasItsEntry();
  }

  #expired(status: string): void {
    mustBe(status, "expired");
    this.status = "expired";
    this.#ends += 1;
  }

  #follow({ action, actor, content_hash, result, answer, at }: Recorded): void {
    if (answer.result === "refused") {
      mustBe(result, answer.code);
      return;
    }
    // Taken back after it was approved: the round keeps its outcome.
    if (action === "cancel" && this.status === "approved") return;
    mustBe(this.status, "waiting");
    mustBe(at < EXPIRY, true);
    if (action !== "cancel") mustBe(content_hash ?? this.#hash, this.#hash);
    if (action === "edit") {
      this.#behind.clear();
      this.#hash = this.#revisionHash(answer.revision);
      this.#author = actor;
    }
    if (action === "approve") this.#behind.add(actor);
    if (answer.status === "approved") this.#mustHaveQuorum();
    if (answer.status !== "waiting") this.#ends += 1;
    this.status = answer.status;
  }

  #mustHaveQuorum(): void {
    const { quorum, approvers, trusting } = this.#now!;
    const named = approvers.length === 0 ? [1, 2, 3, 4] : approvers;
    const valid = [...this.#behind].filter((actor) => {
      if (actor === this.#author || actor === this.#draft.author || this.#revoked.has(actor)) return false;
      return actor === "namespace" ? trusting : named.some((index) => this.#people[index] === actor);
    });
    mustBe(valid.length >= quorum, true);
  }

  #query<Row>(sql: string, ...values: (string | number)[]): Row[] {
    return this.#rows.prepare(sql).all(...values) as Row[];
  }

  #newAttempts(): Recorded[] {
    const sql = "select rowid as place, * from attempts where hold = ? and rowid > ? order by rowid";
    const rows = this.#query<Recorded & { place: number; answer_json: string }>(sql, this.#draft.id, this.#read);
    this.#read = rows.at(-1)?.place ?? this.#read;
    return rows.map((row) => ({ ...row, answer: JSON.parse(row.answer_json) as HoldAnswer }));
  }

  #revisionHash(number: number): string {
    const sql = "select content_hash from revisions where draft = ? and number = ?";
    return this.#query<{ content_hash: string }>(sql, this.#draft.id, number)[0]!.content_hash;
  }

  #decisions(round: number): number {
    const sql = "select count(*) as count from decisions where message = ? and stage = 'release' and round = ?";
    return this.#query<{ count: number }>(sql, this.#draft.letter.input.message, round)[0]!.count;
  }

  #everyDecisionHasItsEntry(): void {
    const sql = `select count(*) as decisions, count(entry.id) as entries from decisions
      left join audit_entries as entry on entry.decision = decisions.id where decisions.message = ?`;
    const [counted] = this.#query<{ decisions: number; entries: number }>(sql, this.#draft.letter.input.message);
    mustBe(counted!.entries, counted!.decisions);
  }
}

const DRAFT_OF = {
  waiting: "pending_send_approval",
  approved: "queued",
  rejected: "rejected",
  expired: "expired",
  cancelled: "cancelled",
} as const;
