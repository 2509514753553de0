import type { DraftId, MailboxId, TenantId } from "../model/ids.ts";

/**
 * How mail leaves (DESIGN §1). One call is one transaction with the next hop. Implementations never retry and never
 * reorder: INVARIANT: no byte of DATA is sent before `claim` resolved true, and after it did the result says exactly what
 * the peer is known to have said.
 */
export interface Transport {
  /** For people and logs: `sandbox` or `smtp`. */
  readonly kind: "sandbox" | "smtp";
  send(mail: Outgoing, claim: Claim): Promise<TransportResult>;
  close(): Promise<void>;
}

export interface Outgoing {
  readonly envelope: { readonly sender: string; readonly recipients: readonly string[] };
  /** The bytes for the wire: 7-bit, every line ended by CRLF. Called at most once, when somebody is there to take them and before `claim`. */
  readonly bytes: () => Promise<Buffer>;
  /** Aborted before `claim` was asked: the connection is cut, `failed_before_data`. Afterwards it says nothing any more. */
  readonly signal: AbortSignal;
  /** What the sandbox files it under. */
  readonly name: { readonly tenant: TenantId; readonly mailbox: MailboxId; readonly draft: DraftId; readonly attempt: number };
}

/**
 * Asked once, between the last RCPT and DATA, with the recipients the peer took. False: cut the connection, send nothing. When
 * it or `bytes` rejects nothing is sent either, and `send` rejects with the same.
 */
export type Claim = (accepted: readonly string[]) => Promise<boolean>;

export interface Reply {
  readonly recipient: string;
  /**
   * What the peer said of this recipient or of this message; null when there was no such answer. A greeting, EHLO or AUTH
   * that was refused is about the relay and is none, whatever its code: it is told in `text`.
   */
  readonly code: number | null;
  /** RFC 3463. */
  readonly enhanced: string | null;
  /** First line, or what happened instead of one; at most 500 characters, well-formed. */
  readonly text: string;
}

/**
 * `completed`: a reply to the final dot, or every recipient was refused before. `failed_before_data`: nothing can have been
 * taken (no connection, a cut or refusal before DATA, the claim was lost). `unknown`: cut after DATA began.
 */
export interface TransportResult {
  readonly end: "completed" | "failed_before_data" | "unknown";
  readonly replies: readonly Reply[];
}
