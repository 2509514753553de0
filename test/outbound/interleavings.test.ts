import { createHash } from "node:crypto";
import { decodeJwt } from "jose";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { contentHash } from "../../src/mail/content-hash.ts";
import { outboundWorkflowId, type DraftId, type MailboxId, type TenantId } from "../../src/model/ids.ts";
import type { TakenMail } from "../support/smtp-peer.ts";
import { Book, type Entry, type Revision } from "./book.ts";
import { LastingWorld } from "./lasting.ts";

/** Drafts at once, and how many times over: `INTERLEAVINGS=100` looks longer. */
const DRAFTS = 4;
const RUNS = Number(process.env["INTERLEAVINGS"] ?? 2);
const SECONDS = 8 * RUNS;

/** Approvers, and those who only wish they were. */
const APPROVERS = ["ann", "ben", "cid", "dan"] as const;
const OTHERS = ["agent", "elsewhere", "stranger", "revoked", "nobody"] as const;
type Who = (typeof APPROVERS)[number] | (typeof OTHERS)[number];
const EVERYBODY: readonly Who[] = [...APPROVERS, ...OTHERS];
const QUORUM = 2;

type Saw = "nothing" | "what there is" | "the first version" | "something else";

type Act =
  | { readonly kind: "approve" | "reject"; readonly who: Who; readonly saw: Saw }
  | { readonly kind: "edit"; readonly who: Who }
  | { readonly kind: "cancel"; readonly who: "agent" | "stranger" | "ann" }
  /** A signed word, pasted so many times, and once at another draft. */
  | { readonly kind: "signal"; readonly who: Who; readonly action: "approve" | "reject"; readonly times: number }
  | { readonly kind: "forge"; readonly how: "nothing" | "rubbish" | "unsigned" | "altered" }
  | { readonly kind: "wake" };

interface Script {
  /** Each a set of acts at the same moment. */
  readonly bursts: readonly (readonly Act[])[];
  readonly expires: "2 s" | "30 s";
  /** Two approvers agree in the end, if it still waits; else the agent takes it back. */
  readonly agrees: boolean;
}

interface Key {
  readonly id: string;
  readonly key: string;
}

interface Scene {
  readonly keys: Readonly<Record<Who, Key>>;
  readonly mailbox: MailboxId;
  readonly address: string;
  readonly draft: DraftId;
  readonly recipient: string;
  /** Acts over HTTP of which an attempt must be there, and of which one may be. */
  readonly told: { sure: number; perhaps: number };
  /** Nonces of signed words that the server took. */
  readonly pasted: Set<string>;
  readonly forged: { count: number };
}

let world: LastingWorld;
let book: Book;
let tenant: TenantId;
beforeAll(async () => {
  world = await LastingWorld.open();
  book = new Book(world.dataDir);
  tenant = (await world.instance()).running.tenant.id;
});
afterAll(() => world?.close());

const who = fc.constantFrom(...EVERYBODY);
const approver = fc.constantFrom(...APPROVERS);
const saw = fc.constantFrom<Saw>("nothing", "what there is", "what there is", "the first version", "something else");
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("approve" as const), who: approver, saw }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("approve" as const), who, saw }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reject" as const), who, saw }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("edit" as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), who: fc.constantFrom("agent" as const, "stranger", "ann") }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("signal" as const),
      who,
      action: fc.constantFrom("approve" as const, "approve", "reject"),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("forge" as const),
      how: fc.constantFrom("nothing" as const, "rubbish", "unsigned", "altered"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "wake" as const }) },
);
const script: fc.Arbitrary<Script> = fc.record({
  bursts: fc.array(fc.array(act, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
  expires: fc.constantFrom("2 s" as const, "30 s", "30 s", "30 s"),
  agrees: fc.boolean(),
});

interface Plan {
  readonly scripts: readonly Script[];
  /** The service ends and begins again while the scripts run. */
  readonly restarts: boolean;
  /** One approver's key is revoked meanwhile. */
  readonly revokes: boolean;
}
const plan: fc.Arbitrary<Plan> = fc.record({
  scripts: fc.array(script, { minLength: DRAFTS, maxLength: DRAFTS }),
  restarts: fc.boolean(),
  revokes: fc.boolean(),
});

// What must be among them, whatever chance says: its editor approves it, everything at once, taken back, expired perhaps.
const EDITED: Script = {
  bursts: [
    [{ kind: "approve", who: "ann", saw: "nothing" }],
    [{ kind: "edit", who: "cid" }],
    [
      { kind: "approve", who: "cid", saw: "what there is" },
      { kind: "signal", who: "cid", action: "approve", times: 2 },
      { kind: "approve", who: "ben", saw: "the first version" },
    ],
  ],
  expires: "30 s",
  agrees: true,
};
const QUIET: Script = { bursts: [[{ kind: "wake" }]], expires: "30 s", agrees: true };
const BUSY: Script = {
  bursts: [
    [
      { kind: "approve", who: "ann", saw: "nothing" },
      { kind: "signal", who: "ben", action: "approve", times: 3 },
      { kind: "edit", who: "cid" },
      { kind: "forge", how: "altered" },
    ],
    [
      { kind: "approve", who: "cid", saw: "what there is" },
      { kind: "approve", who: "ann", saw: "what there is" },
      { kind: "approve", who: "ben", saw: "the first version" },
    ],
  ],
  expires: "30 s",
  agrees: true,
};
const ALWAYS: Plan = {
  scripts: [EDITED, BUSY, { ...QUIET, agrees: false }, { ...BUSY, expires: "2 s" }],
  restarts: true,
  revokes: true,
};

it(
  "MM-04 X-06 NY-15 DESIGN §9.6 §9.7 however people, forgers, timers and restarts come between each other: one outcome, only approved bytes, once",
  { timeout: (SECONDS + 80) * 1000 },
  async () => {
    const outcomes = new Set(await play(ALWAYS));
    const until = performance.now() + SECONDS * 1000;
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        // On a busy machine fewer of them.
        if (performance.now() > until) return;
        for (const outcome of await play(given)) outcomes.add(outcome);
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect([...outcomes], "they took different ways").toEqual(expect.arrayContaining(["sent", "cancelled"]));
  },
);

async function play({ scripts, restarts, revokes }: Plan): Promise<readonly string[]> {
  const keys = await people();
  const scenes = await Promise.all(scripts.map(({ expires }) => submit(keys, expires)));
  const playing = scripts.map((each, index) => perform(each, scenes[index]!, scenes[(index + 1) % scenes.length]!));
  const meanwhile = [restarts ? world.restart() : null, revokes ? world.ask("DELETE", `/v1/keys/${keys.dan.id}`, undefined) : null];
  await Promise.all([...playing, ...meanwhile]);
  return Promise.all(scripts.map(async (each, index) => close(each, scenes[index]!)));
}

async function people(): Promise<Scene["keys"]> {
  const mailbox = await made("/v1/mailboxes", { address_local_part: unique("narrow"), domain: "acme.example", agent_id: "assistant" });
  const oversight = () => made<Key>("/v1/keys", { name: "person", scopes: ["oversight"] });
  const [ann, ben, cid, dan, revoked] = [await oversight(), await oversight(), await oversight(), await oversight(), await oversight()];
  const elsewhere = await made<Key>("/v1/keys", { name: "narrow", scopes: ["oversight"], mailboxes: [mailbox.id] });
  const agent = await made<Key>("/v1/keys", { name: "agent", scopes: ["read", "send"] });
  await world.ask("DELETE", `/v1/keys/${revoked.id}`, undefined);
  const other = await made<{ admin_key: Key }>("/v1/tenants", { name: unique("other") });
  const stranger = await made<Key>("/v1/keys", { name: "stranger", scopes: ["oversight"] }, other.admin_key.key);
  return { ann, ben, cid, dan, revoked, elsewhere, agent, stranger, nobody: { id: "key_none", key: `pst_live_${"0".repeat(52)}` } };
}

let count = 0;
function unique(word: string): string {
  count += 1;
  return `${word}-${process.pid}-${count}`;
}

async function made<T = { readonly id: string }>(path: string, body: object, key?: string): Promise<T> {
  const { status, json } = await world.ask("POST", path, body, key);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json as T;
}

async function submit(keys: Scene["keys"], expireAfter: string): Promise<Scene> {
  const local = unique("agent");
  const { id } = await made("/v1/mailboxes", { address_local_part: local, domain: "acme.example", agent_id: "assistant" });
  const outbound = { approvals: { quorum: QUORUM, expireAfter, remindAfter: "1 s" } };
  await world.ask("PUT", `/v1/mailboxes/${id}/policy`, { defaultAction: "bounce", senders: [], outbound });
  const recipient = `${unique("boss")}@elsewhere.example`;
  const draft = await made<{ id: DraftId }>(`/v1/mailboxes/${id}/send`, letter(recipient, "as the agent wrote it"), keys.agent.key);
  return {
    ...{ keys, mailbox: id as MailboxId, address: `${local}@acme.example`, draft: draft.id, recipient },
    ...{ told: { sure: 0, perhaps: 0 }, pasted: new Set<string>(), forged: { count: 0 } },
  };
}

function letter(recipient: string, words: string): object {
  return { to: [recipient], cc: [`copy-${recipient}`], subject: "Friday", markdown: `Shall we meet, ${words}?` };
}

async function perform({ bursts }: Script, scene: Scene, another: Scene): Promise<void> {
  for (const burst of bursts) await Promise.all(burst.map((each) => carryOut(each, scene, another)));
}

async function carryOut(each: Act, scene: Scene, another: Scene): Promise<void> {
  switch (each.kind) {
    case "approve":
    case "reject":
      return decide(scene, each.who, { action: each.kind, reason: "because", ...(await seen(scene, each.saw)) });
    case "edit":
      return edit(scene, each.who);
    case "cancel":
      return note(scene, each.who, await world.ask("DELETE", `/v1/drafts/${scene.draft}`, undefined, scene.keys[each.who].key), 200, 409);
    case "signal":
      return signal(scene, each.who, each.action, each.times, another);
    case "forge":
      return forge(scene, each.how);
    case "wake":
      return void (await send(scene, "wake"));
    default:
      return each satisfies never;
  }
}

async function decide(scene: Scene, who: Who, verdict: object): Promise<void> {
  const answer = await world.ask("POST", `/v1/mailboxes/${scene.mailbox}/decide/${scene.draft}`, verdict, scene.keys[who].key);
  // What a stranger says is recorded too, where the stranger belongs.
  note(scene, who, answer, 200, 403, 409, 422, ...(who === "stranger" ? [] : [404]));
}

/** Every word of a key that exists is recorded, whatever it is worth. */
function note({ told, keys, draft }: Scene, who: Who, { status, json }: { status: number; json: any }, ...recorded: number[]): void {
  if (who === "revoked" || who === "nobody" || status === 401) {
    if (keys[who].id !== keys.dan.id && status !== 0) expect(status, who).toBe(401);
    return;
  }
  expect([...recorded, 0, 401, 403, 404, 409, 422, 503], `${draft} ${JSON.stringify(json)}`).toContain(status);
  if (status === 0 || status === 503) told.perhaps += 1;
  else if (recorded.includes(status)) told.sure += 1;
}

async function seen({ draft, keys }: Scene, how: Saw): Promise<{ content_hash?: string }> {
  switch (how) {
    case "nothing":
      return {};
    case "what there is": {
      const { json } = await world.ask("GET", `/v1/drafts/${draft}`, undefined, keys.agent.key);
      return json?.content_hash === undefined ? {} : { content_hash: json.content_hash as string };
    }
    case "the first version":
      return { content_hash: book.revisions(draft)[0]!.content_hash };
    case "something else":
      return { content_hash: "0".repeat(64) };
    default:
      return how satisfies never;
  }
}

async function edit(scene: Scene, who: Who): Promise<void> {
  const { draft, recipient, keys } = scene;
  const body = { ...letter(recipient, unique("as somebody edited it")), ...(await seen(scene, "what there is")) };
  const answer = await world.ask("POST", `/v1/pending/${draft}/edit`, body, keys[who].key);
  // An agent's key has no such scope, and strangers see nothing that waits: refused at the door.
  const isApprover = (APPROVERS as readonly string[]).includes(who);
  note(scene, who, answer, ...(isApprover ? [200, 403, 409, 422] : []));
}

/** Where the workflow has ended Temporal takes no signal: then it says so. */
async function send({ draft }: Scene, name: string, ...args: readonly object[]): Promise<boolean> {
  return world.temporal.workflow
    .getHandle(outboundWorkflowId(draft))
    .signal(name, ...args)
    .then(
      () => true,
      () => false,
    );
}

async function signal(scene: Scene, who: Who, action: "approve" | "reject", times: number, another: Scene): Promise<void> {
  const content = await seen(scene, "what there is");
  const { json } = await world.ask(
    "POST",
    `/v1/pending/${scene.draft}/token`,
    { action, reason: "because", ...content },
    scene.keys[who].key,
  );
  if (typeof json?.token !== "string") return;
  const token = json.token as string;
  const { jti } = decodeJwt(token);
  const took = await Promise.all(Array.from({ length: times }, () => send(scene, action, { token })));
  if (took.includes(true)) scene.pasted.add(jti as string);
  // The same word about another draft, or as another action, is a forgery there.
  if (await send(another, action, { token })) another.forged.count += 1;
}

async function forge(scene: Scene, how: Extract<Act, { kind: "forge" }>["how"]): Promise<void> {
  const token = await forgery(scene, how);
  if (await send(scene, "approve", token === undefined ? {} : { token })) scene.forged.count += 1;
}

async function forgery({ draft, keys, mailbox }: Scene, how: string): Promise<string | undefined> {
  switch (how) {
    case "nothing":
      return undefined;
    case "unsigned": {
      const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: "postern", aud: outboundWorkflowId(draft), sub: keys.ann.id, tenant, hold: draft, action: "approve" };
      const more = { hash: null, edit: null, jti: `jti_${mailbox.slice(4)}`, iat: now, exp: now + 60 };
      return `${encoded({ alg: "none", typ: "postern-decision+jwt" })}.${encoded({ ...claims, ...more })}.`;
    }
    case "altered": {
      const { json } = await world.ask("POST", `/v1/pending/${draft}/token`, { action: "approve" }, keys.ann.key);
      const [head, body, signature] = ((json?.token as string | undefined) ?? "a.e30.c").split(".") as [string, string, string];
      const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
      const altered = Buffer.from(JSON.stringify({ ...claims, sub: keys.ben.id })).toString("base64url");
      return [head, altered, signature].join(".");
    }
    default:
      return "rubbish";
  }
}

/** Brings a draft to its end, and asks the record whether it was a lawful one. */
async function close({ agrees }: Script, scene: Scene): Promise<string> {
  for (const name of ["ann", "ben", "cid"] as const)
    if (agrees) await decide(scene, name, { action: "approve", ...(await seen(scene, "what there is")) });
  if (await waits(scene)) await carryOut({ kind: "cancel", who: "agent" }, scene, scene);
  const { state } = (await world.temporal.workflow.getHandle(outboundWorkflowId(scene.draft)).result()) as { state: string };
  expect(book.state(scene.draft), "the workflow says what the record says").toBe(state);
  const last = retold(scene, state);
  checkOnce(scene, state, last);
  checkAttempts(scene);
  return state;
}

async function waits({ draft, keys }: Scene): Promise<boolean> {
  const { json } = await world.ask("GET", `/v1/drafts/${draft}`, undefined, keys.agent.key);
  return json.status === "pending_send_approval";
}

/** The log told again by other rules of thumb than the product's own: who stands behind which bytes when they leave. */
function retold(scene: Scene, state: string): string | null {
  const { keys, draft } = scene;
  const approvers = APPROVERS.map((name) => `key:${keys[name].id}`);
  /** Approvals by whom, of what. */
  let standing = new Map<string, string>();
  let [author, released, left] = [`key:${keys.agent.id}`, false, null as string | null];
  const ends: string[] = [];
  const entries = book.entries(draft);
  for (const [index, entry] of entries.entries()) {
    expect(ends, `nothing is decided after the end: ${JSON.stringify(entries)}`).toHaveLength(isAside(entry) ? ends.length : 0);
    switch (entry.action) {
      case "email.edited":
        [standing, author] = [new Map(), entry.actor];
        expect(approvers, "an edit is by an approver").toContain(entry.actor);
        break;
      case "email.approved":
        expect(approvers, "an approval is by an approver").toContain(entry.actor);
        expect(entry.actor, "nobody approves what they wrote").not.toBe(author);
        expect(standing.has(entry.actor), "nobody counts twice").toBe(false);
        expect([null, entry.content_hash], "whoever says what they saw means what there is").toContain(entry.seen);
        standing.set(entry.actor, entry.content_hash!);
        break;
      case "decision":
        if (entry.stage === "submit") [standing, released] = [new Map(), false];
        else if (entry.outcome === "queued") {
          // Recorded in the transaction of the last approval, whose own entry is the next.
          const next = entries[index + 1];
          expect(next?.action).toBe("email.approved");
          expect(new Set([...standing.keys(), next?.actor]).size, "a quorum").toBeGreaterThanOrEqual(QUORUM);
          released = true;
        } else if (entry.outcome === "sending") {
          expect(released, "let go first").toBe(true);
          left = (entry.draft as { content_hash: string }).content_hash;
          expect([...standing.values()].filter((hash) => hash === left).length, "for these bytes").toBeGreaterThanOrEqual(QUORUM);
          ends.push("sent");
        } else ends.push(entry.outcome!);
        break;
      default:
    }
  }
  expect(ends, JSON.stringify(entries)).toEqual([state]);
  return left;
}

/** What may be told of a draft that has ended. */
function isAside({ action }: Entry): boolean {
  return action === "hold.attempt_refused" || action === "email.sent" || action === "email.rejected" || action === "email.cancelled";
}

/** The peer's own word: each recipient at most once, and only the bytes of the version that was let go. */
function checkOnce(scene: Scene, state: string, left: string | null): void {
  const { draft, recipient, mailbox } = scene;
  const taken = world.peer.taken.filter(({ recipients }) => recipients.includes(recipient));
  expect(taken).toHaveLength(state === "sent" ? 1 : 0);
  expect(book.claims(draft).map(({ content_hash }) => content_hash)).toEqual(left === null ? [] : [left]);
  const [mail] = taken;
  if (mail === undefined) return;
  const revision = book.revisions(draft).findLast(({ content_hash }) => content_hash === left)!;
  expect(revision.number, "and that was the last one").toBe(book.revisions(draft).length);
  expect(digestOfTail(mail, revision), "the bytes are those that were approved").toBe(revision.mime_digest);
  const { envelope_sender, recipients_json } = revision;
  const named = { tenant, mailbox, envelope_sender, recipients: JSON.parse(recipients_json), mime: revision.mime_digest };
  expect(contentHash(named)).toBe(left);
  expect(mail).toMatchObject({ sender: scene.address, recipients: [recipient, `copy-${recipient}`].toSorted() });
  expect(book.deliveries(draft).map(({ state: fate }) => fate)).toEqual(["accepted", "accepted"]);
}

function digestOfTail({ content }: TakenMail, { mime_size }: Revision): string {
  return createHash("sha256").update(Buffer.from(content, "latin1").subarray(-mime_size)).digest("hex");
}

/** Each attempt is there once, none that nobody made. */
function checkAttempts({ draft, told, pasted, forged }: Scene): void {
  const attempts = book.attempts(draft, tenant);
  const nonces = attempts.map(({ nonce }) => nonce);
  expect(new Set(nonces).size).toBe(nonces.length);
  for (const nonce of pasted) expect(nonces, "a word that Temporal took is recorded").toContain(nonce);
  const others = attempts.filter(({ nonce }) => !pasted.has(nonce));
  const unsigned = others.filter(({ result }) => result.startsWith("token_"));
  expect(unsigned).toHaveLength(forged.count);
  expect(others.length - unsigned.length).toBeGreaterThanOrEqual(told.sure);
  expect(others.length - unsigned.length).toBeLessThanOrEqual(told.sure + told.perhaps);
  const recorded = book.entries(draft).filter(({ action }) => action.startsWith("email.") || action === "hold.attempt_refused");
  expect(
    recorded.filter(({ action }) => action !== "email.sent"),
    "and audited once",
  ).toHaveLength(attempts.length);
}
