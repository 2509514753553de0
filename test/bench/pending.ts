import { randomBytes, randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeId, type Id, type IdPrefix, type MailboxId, type TenantId } from "../../src/model/ids.ts";
import type { Args, Store } from "../../src/store/contract.ts";
import { formatCursor } from "../../src/store/page.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { percentile, timed } from "./figures.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";

const ROWS = 100_000;
const MAILBOXES = 20;
const LIMIT = 50;

/** Milliseconds. */
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 31);
const FIRST = NOW - 7 * DAY;

export const pending: Measurement = {
  name: "pending",
  about:
    `Pages of ${LIMIT} out of 100,000 drafts that wait for people, in a store's file on the disk: 20 mailboxes, a week of waiting, one with ten drafts only. One question at a time, ` +
    "as the store answers it to a door.",
  async run(terms) {
    const root = await mkdtemp(join(tmpdir(), "postern-bench-"));
    try {
      return await measure(terms, join(root, "postern.db"));
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  },
};

interface World {
  readonly tenant: TenantId;
  /** The last has few drafts, the oldest. */
  readonly mailboxes: readonly MailboxId[];
}

async function measure({ quick, say }: Terms, path: string): Promise<readonly Figure[]> {
  say(`pending: ${ROWS} rows`);
  const world = await fill(path);
  const store = await createSqliteStore({ path });
  const count = quick ? 100 : 500;
  const figures: Figure[] = [];
  for (const [what, wanted] of questionsOf(world)) {
    say(`pending: ${what}`);
    const { each } = await timed(Array.from({ length: count }), 1, () => list(store, world, wanted()));
    figures.push({ what: `${what}, p99`, value: percentile(each, 0.99), unit: "ms", target: { most: 50 } });
  }
  await store.close();
  return figures;
}

type Wanted = Partial<Args<"holds.list">>;

function questionsOf({ mailboxes }: World): readonly (readonly [string, () => Wanted])[] {
  const bound = mailboxes.slice(0, 3);
  const [one, few] = [mailboxes[0]!, mailboxes.at(-1)!];
  const anywhere = (): Wanted => ({ cursor: formatCursor({ at: randomInt(FIRST, NOW), id: fresh("drf") }) });
  return [
    ["first page", () => ({})],
    ["after a random cursor", anywhere],
    ["of one mailbox, after a random cursor", () => ({ mailbox: one, ...anywhere() })],
    ["for a key bound to 3 of 20 mailboxes, after a random cursor", () => ({ mailboxes: bound, ...anywhere() })],
    ["for a key bound to the mailbox with the ten oldest, first page", () => ({ mailboxes: [few] })],
    ["of one direction that has none, first page", () => ({ direction: "inbound" })],
  ];
}

async function list(store: Store, { tenant }: World, wanted: Wanted): Promise<void> {
  await store.run("holds.list", { tenant, limit: LIMIT, ...wanted });
}

async function fill(path: string): Promise<World> {
  const store = await createSqliteStore({ path });
  const tenant = fresh("ten");
  await store.run("tenants.create", { id: tenant, name: "bench", at: FIRST });
  const mailboxes: MailboxId[] = [];
  for (let nth = 0; nth < MAILBOXES; nth += 1) mailboxes.push(await addMailbox(store, tenant, nth));
  await store.close();
  addHolds(path, { tenant, mailboxes });
  return { tenant, mailboxes };
}

async function addMailbox(store: Store, tenant: TenantId, nth: number): Promise<MailboxId> {
  const id = fresh("mbx");
  const place = { address: `agent-${nth}@acme.example`, domain: "acme.example", address_id: fresh("adr"), domain_id: fresh("dom") };
  await store.run("mailboxes.create", { id, tenant, agent_id: `agent-${nth}`, ...place, at: FIRST });
  return id;
}

/** As the first screening writes them, all in one transaction. */
function addHolds(path: string, { tenant, mailboxes }: World): void {
  const database = new DatabaseSync(path);
  const insert = database.prepare(
    `insert into holds (id, tenant, mailbox, direction, kind, status, reason, subject, to_json, from_address, revision, content_hash,
      author, approvers_json, escalate_to_json, quorum, trust_namespace, remind_at, escalate_at, expires_at, created_at)
     values (?, ?, ?, 'outbound', 'send', 'waiting', 'mode_gated_send', ?, '["boss@elsewhere.example"]', 'agent@acme.example', 1, ?,
      ?, '[]', '[]', 1, 0, ?, ?, ?, ?)`,
  );
  const author = fresh("key");
  database.exec("begin");
  for (let nth = 0; nth < ROWS; nth += 1) {
    const at = FIRST + Math.floor((nth * (NOW - FIRST)) / ROWS);
    const mailbox = nth < 10 ? mailboxes.at(-1) : mailboxes[nth % (MAILBOXES - 1)];
    const hash = randomBytes(32).toString("hex");
    insert.run(fresh("drf"), tenant, mailbox as MailboxId, `Offer ${nth}`, hash, author, at + DAY, at + 2 * DAY, at + 7 * DAY, at);
  }
  database.exec("commit");
  database.close();
}

function fresh<P extends IdPrefix>(prefix: P): Id<P> {
  return makeId(prefix, randomBytes(16));
}
