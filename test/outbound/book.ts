import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { draftMessageId, type DraftId } from "../../src/model/ids.ts";

/** One entry of the log, as much of it as tests read. */
export interface Entry {
  readonly action: string;
  readonly actor: string;
  readonly stage?: string;
  readonly outcome?: string;
  readonly reason?: string;
  readonly code?: string;
  readonly revision?: number;
  readonly content_hash?: string;
  /** What the actor says to have seen. */
  readonly seen?: string | null;
  readonly draft?: unknown;
}

export interface Attempt {
  readonly nonce: string;
  readonly action: string;
  readonly actor: string;
  readonly content_hash: string | null;
  readonly via: string;
  readonly result: string;
  readonly revision: number;
}

export interface Revision {
  readonly number: number;
  readonly author: string;
  readonly content_hash: string;
  readonly mime_digest: string;
  readonly mime_size: number;
  readonly envelope_sender: string;
  readonly recipients_json: string;
}

/** What an auditor reads: the tables themselves, past every door. */
export class Book {
  readonly #path: string;

  constructor(dataDir: string) {
    this.#path = join(dataDir, "postern.db");
  }

  /** In the order in which they were appended. */
  entries(draft: DraftId): readonly Entry[] {
    const rows = this.#rows<{ leaf: string }>("select leaf from audit_entries where message = ? order by rowid", draftMessageId(draft));
    return rows
      .map(({ leaf }) => JSON.parse(leaf) as Entry & { facts?: Partial<Entry> })
      .map(({ facts, ...entry }) => ({ ...entry, ...facts }));
  }

  /** What keys of one tenant tried. */
  attempts(hold: string, tenant: string): readonly Attempt[] {
    return this.#rows("select * from attempts where hold = ? and tenant = ? order by rowid", hold, tenant);
  }

  revisions(draft: DraftId): readonly Revision[] {
    return this.#rows("select * from revisions where draft = ? order by number", draft);
  }

  /** Every go at the next hop that was allowed to give it the bytes. */
  claims(draft: DraftId): readonly { readonly attempt: number; readonly content_hash: string; readonly phase: string }[] {
    return this.#rows(
      "select attempt, content_hash, phase from send_attempts where draft = ? and claimed_at is not null order by attempt",
      draft,
    );
  }

  deliveries(draft: DraftId): readonly { readonly recipient: string; readonly state: string }[] {
    return this.#rows("select recipient, state from deliveries where draft = ? order by recipient", draft);
  }

  state(draft: DraftId): string | undefined {
    return this.#rows<{ state: string }>("select state from drafts where id = ?", draft)[0]?.state;
  }

  #rows<Row>(query: string, ...values: SQLInputValue[]): readonly Row[] {
    using database = new DatabaseSync(this.#path, { readOnly: true, timeout: 5_000 });
    return database.prepare(query).all(...values) as Row[];
  }
}
