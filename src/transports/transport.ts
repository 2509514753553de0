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
  /** The bytes for the wire. Called once, after the peer has taken the envelope and before `claim`. */
  readonly bytes: () => Promise<Buffer>;
  /** What the sandbox files it under. */
  readonly name: { readonly tenant: string; readonly mailbox: string; readonly draft: string; readonly attempt: number };
}

/** Asked between the last RCPT and DATA, with the recipients the peer took. False: cut the connection, send nothing. */
export type Claim = (accepted: readonly string[]) => Promise<boolean>;

export interface Reply {
  readonly recipient: string;
  /** SMTP reply code; null when the connection was lost before there was one. */
  readonly code: number | null;
  readonly enhanced: string | null;
  /** First line, at most 500 characters, well-formed. */
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
