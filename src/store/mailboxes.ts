import type { Channel } from "../model/channel.ts";
import type { Id, MailboxId, TenantId } from "../model/ids.ts";
import { DEFAULT_MODE, type Mode } from "../model/outbound.ts";
import type { Conflict, MailboxRow, NewAlias, NewMailbox } from "./contract.ts";
import { domainKey } from "./domain-rows.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { pageSize, parseCursor, toPage } from "./page.ts";
import type { AddressesTable, Flag } from "./schema.ts";

export const mailboxes = {
  "mailboxes.create": {
    kind: "write",
    async run(tx, mailbox) {
      const domain = await claimAddress(tx, mailbox);
      if (typeof domain !== "string") return domain;
      await addMailbox(tx, mailbox);
      await addAddress(tx, { ...mailbox, mailbox: mailbox.id, domain, is_primary: 1 });
      tx.touch(mailboxKey(mailbox));
      return (await findMailbox(tx, mailbox))!;
    },
  },

  "mailboxes.get": { kind: "read", until: mailboxKey, run: findMailbox },

  "mailboxes.list": {
    kind: "read",
    async run(tx, args) {
      const size = pageSize(args);
      let query = rows(tx).where("mailboxes.tenant", "=", args.tenant);
      if (args.only !== undefined) query = query.where("mailboxes.id", "in", args.only.length > 0 ? args.only : [NO_MAILBOX]);
      if (args.cursor !== undefined) {
        const { at, id } = parseCursor(args.cursor);
        query = query.where(({ eb, refTuple, tuple }) =>
          eb(refTuple("mailboxes.created_at", "mailboxes.id"), "<", tuple(at, id as MailboxId)),
        );
      }
      const found = await query
        .orderBy("mailboxes.created_at", "desc")
        .orderBy("mailboxes.id", "desc")
        .limit(size + 1)
        .execute();
      const addresses = await addressesOf(
        tx,
        found.map((row) => row.id),
      );
      return toPage(
        found,
        size,
        (row) => ({ at: row.created_at, id: row.id }),
        (row) => mailboxRow(row, addresses),
      );
    },
  },

  "mailboxes.after": {
    kind: "read",
    async run({ db }, { after, limit }) {
      const query = db.selectFrom("mailboxes").select(["tenant", "id"]).orderBy("id").limit(limit);
      return (after === null ? query : query.where("id", ">", after)).execute();
    },
  },

  // Adding an alias the mailbox has already changes nothing.
  "mailboxes.add_alias": {
    kind: "write",
    async run(tx, alias) {
      const mailbox = await findMailbox(tx, { tenant: alias.tenant, id: alias.mailbox });
      if (mailbox === null || mailbox.address === alias.address || mailbox.aliases.includes(alias.address)) return mailbox;
      const domain = await claimAddress(tx, alias);
      if (typeof domain !== "string") return domain;
      await addAddress(tx, { ...alias, domain, is_primary: 0 });
      tx.touch(mailboxKey({ id: alias.mailbox }));
      return findMailbox(tx, { tenant: alias.tenant, id: alias.mailbox });
    },
  },

  "mailboxes.resolve": {
    kind: "read",
    async run({ db }, { address }) {
      const [row] = await selectOwner(db, { address });
      return row ?? null;
    },
  },
} satisfies Omit<OperationsOf<"mailboxes">, "mailboxes.change">;

/** Moves with the mailbox's row and addresses, and when it is given mail. */
export function mailboxKey({ id }: { readonly id: MailboxId }): string {
  return `mailbox:${id}`;
}

const NO_MAILBOX: MailboxId = "mbx_";

const selectOwner = once((db, given: { address: string }) =>
  db.selectFrom("addresses").select(["tenant", "mailbox"]).where("address", "=", given.address),
);

/** The tenant's domain, made if nobody has it; a conflict when domain or address are taken. */
async function claimAddress(tx: Tx, wanted: NewMailbox | NewAlias): Promise<Id<"dom"> | Conflict<"address" | "domain">> {
  const { db } = tx;
  const domain = await db.selectFrom("domains").select(["id", "tenant"]).where("domain", "=", wanted.domain).executeTakeFirst();
  if (domain !== undefined && domain.tenant !== wanted.tenant) return { conflict: "domain" };
  const taken = await db.selectFrom("addresses").select("id").where("address", "=", wanted.address).executeTakeFirst();
  if (taken !== undefined) return { conflict: "address" };
  return domain?.id ?? (await addDomain(tx, wanted));
}

async function addDomain(tx: Tx, { domain_id, tenant, domain, at }: NewMailbox | NewAlias): Promise<Id<"dom">> {
  await tx.db.insertInto("domains").values({ id: domain_id, tenant, domain, state: "local", created_at: at, checked_at: null }).execute();
  tx.touch(domainKey({ domain }));
  return domain_id;
}

async function addMailbox({ db }: Tx, { id, tenant, agent_id, at }: NewMailbox): Promise<void> {
  await db
    .insertInto("agents")
    .values({ tenant, id: agent_id, created_at: at })
    .onConflict((conflict) => conflict.columns(["tenant", "id"]).doNothing())
    .execute();
  const oversight = { oversight_mode: DEFAULT_MODE, oversight_address: null };
  await db
    .insertInto("mailboxes")
    .values({ id, tenant, agent_id, ...oversight, policy: null, delivery_seq: 0, channels_json: "[]", created_at: at })
    .execute();
}

async function addAddress({ db }: Tx, { address_id, tenant, mailbox, domain, address, is_primary, at }: AddressOf): Promise<void> {
  await db.insertInto("addresses").values({ id: address_id, tenant, mailbox, domain, address, is_primary, created_at: at }).execute();
}

type AddressOf = Omit<NewAlias, "domain" | "domain_id"> & { readonly domain: Id<"dom">; readonly is_primary: Flag };

export async function findMailbox(tx: Tx, { tenant, id }: { tenant: TenantId; id: MailboxId }): Promise<MailboxRow | null> {
  const found = await selectMailbox(tx.db, { tenant, id });
  return found[0] === undefined ? null : mailboxRow(found[0], found);
}

/** Once with each of its addresses. */
const selectMailbox = once((db, given: { tenant: TenantId; id: MailboxId }) =>
  rows({ db })
    .innerJoin("addresses", "addresses.mailbox", "mailboxes.id")
    .select(["addresses.mailbox", "addresses.address", "addresses.is_primary"])
    .where("mailboxes.tenant", "=", given.tenant)
    .where("mailboxes.id", "=", given.id)
    .orderBy("addresses.created_at")
    .orderBy("addresses.address"),
);

function rows({ db }: Pick<Tx, "db">) {
  return db
    .selectFrom("mailboxes")
    .leftJoin("policies", "policies.id", "mailboxes.policy")
    .selectAll("mailboxes")
    .select(["policies.version as policy_version", "policies.digest as policy_digest"]);
}

type Found = Awaited<ReturnType<ReturnType<typeof rows>["execute"]>>[number];
type Addresses = readonly Pick<AddressesTable, "mailbox" | "address" | "is_primary">[];

async function addressesOf({ db }: Tx, ids: readonly MailboxId[]): Promise<Addresses> {
  if (ids.length === 0) return [];
  const query = db.selectFrom("addresses").select(["mailbox", "address", "is_primary"]).where("mailbox", "in", ids);
  return query.orderBy("created_at").orderBy("address").execute();
}

function mailboxRow(row: Found, addresses: Addresses): MailboxRow {
  const own = addresses.filter((address) => address.mailbox === row.id);
  return {
    id: row.id,
    tenant: row.tenant,
    agent_id: row.agent_id,
    address: own.find((address) => address.is_primary === 1)!.address,
    aliases: own.filter((address) => address.is_primary === 0).map((address) => address.address),
    oversight_mode: row.oversight_mode as Mode,
    oversight_address: row.oversight_address,
    policy: row.policy === null ? null : { id: row.policy, version: row.policy_version!, digest: row.policy_digest! },
    channels: JSON.parse(row.channels_json) as Channel[],
    created_at: row.created_at,
  };
}
