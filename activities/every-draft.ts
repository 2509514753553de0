import type { DraftState } from "../src/model/outbound.ts";
import type { MailboxId, TenantId } from "../src/model/ids.ts";
import type { Page, Store } from "../src/store/contract.ts";
import type { DraftRow } from "../src/store/contract-outbound.ts";

/** Rows read at once. */
export const PAGE = 100;

export interface Place {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
}

/** Every mailbox of every tenant. */
export async function* places({ store }: { readonly store: Pick<Store, "run"> }): AsyncGenerator<Place> {
  for (let after: MailboxId | null = null; ;) {
    const rows: readonly { tenant: TenantId; id: MailboxId }[] = await store.run("mailboxes.after", { after, limit: PAGE });
    for (const { tenant, id } of rows) yield { tenant, mailbox: id };
    if (rows.length < PAGE) return;
    after = rows.at(-1)!.id;
  }
}

/** The drafts of a mailbox that are in one state, a page at a time. */
export function draftsIn(
  { store }: { readonly store: Pick<Store, "run"> },
  place: Place,
  state: DraftState,
): AsyncGenerator<readonly DraftRow[]> {
  return pages((cursor) => store.run("drafts.list", { ...place, state, limit: PAGE, ...cursor }));
}

/** A list from its first page to its last; empty ones are left out. */
export async function* pages<T>(read: (cursor: { readonly cursor?: string }) => Promise<Page<T>>): AsyncGenerator<readonly T[]> {
  for (let cursor: { readonly cursor?: string } = {}; ;) {
    const { items, next_cursor } = await read(cursor);
    if (items.length > 0) yield items;
    if (next_cursor === null) return;
    cursor = { cursor: next_cursor };
  }
}
