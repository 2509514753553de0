import type { Finding } from "../model/finding.ts";
import type { MailboxId, TenantId } from "../model/ids.ts";
import type { MessageRef } from "../model/message.ts";
import type { DraftKind, Mode, Recipient } from "../model/outbound.ts";

/**
 * CPU-heavy work on mail that leaves: render, scan, seal, show. Like `MailReader` it runs off the main thread, bounded in
 * time, because half a megabyte of hostile Markdown must not delay the doors.
 */
export interface MailComposer {
  /** Finished MIME of a submission (DESIGN §4.2): same input, same bytes. */
  compose(source: Kept, frame: ComposeFrame): Promise<Scanned | InvalidDraft>;
  /** Secrets and personal data in finished MIME: subject, every text, names and text of attachments. Rejects rather than skip a guard. */
  scan(mime: { readonly tenant: TenantId; readonly ref: MessageRef }): Promise<readonly Finding[]>;
  /** The bytes that leave: the closed list of header fields in front, DKIM last (DESIGN §4.5). */
  seal(mime: Kept, seal: Seal): Promise<Buffer>;
  /** What a person who decides is shown. */
  preview(mime: { readonly tenant: TenantId; readonly ref: MessageRef }): Promise<DraftPreview>;
}

/** Bytes by their name. */
export interface Kept {
  readonly tenant: TenantId;
  readonly ref: MessageRef;
  /** Where they are at hand, and need not be read; INVARIANT: they are those of `ref`. */
  readonly bytes?: Buffer;
}

/** What a submission does not say itself. All of it ends in the content hash by way of the bytes. */
export interface ComposeFrame {
  readonly tenant: TenantId;
  readonly mailbox: MailboxId;
  /** The mailbox's primary address: From and envelope sender. */
  readonly from: string;
  /** Without brackets. */
  readonly message_id: string;
  /** Fixes boundaries; any string that is the draft's and revision's own. */
  readonly seed: string;
  /** A copy may attach a whole sent message, and says that it is automatic (RFC 3834). Default: `draft`. */
  readonly kind?: DraftKind;
  /**
   * Message-IDs without brackets; null for a new thread. `references` as in the field: oldest first, without the one that is
   * answered. They come from strangers: what is no Message-ID is left out.
   */
  readonly reply: { readonly in_reply_to: string; readonly references: readonly string[] } | null;
}

export interface Composed {
  readonly mime: Buffer;
  readonly recipients: readonly Recipient[];
  readonly subject: string;
}

/** Composed, and looked at in the same turn where that is little work. */
export interface Scanned extends Composed {
  /** What `scan` would find; null: not looked for, or a guard failed, which `scan` tells. */
  readonly findings: readonly Finding[] | null;
}

/** The author's mistake, for a 422. */
export interface InvalidDraft {
  readonly invalid: readonly { readonly path: string; readonly message: string }[];
}

export interface Seal {
  /** Epoch milliseconds: the Date field, `created` and the signature's `t=`. */
  readonly at: number;
  readonly dkim: { readonly domain: string; readonly selector: string; /** PKCS #8 PEM. */ readonly private_key: string };
  readonly identity: {
    /** PKCS #8 PEM, P-256. */
    readonly private_key: string;
    readonly kid: string;
    readonly operator: string;
    readonly oversight: Mode;
    readonly capabilities: readonly string[];
    readonly verified_operator: boolean;
    readonly service: string;
    /** Default: `Postern-Identity`. */
    readonly header?: IdentityHeaderName;
  };
  /** Whether a person approved these bytes, for the disclosure. */
  readonly reviewed: boolean;
}

/** Names the signed identity header can go by (MM-18). */
export const IDENTITY_HEADERS = ["Postern-Identity", "X-MultiMail-Identity"] as const;
export type IdentityHeaderName = (typeof IDENTITY_HEADERS)[number];

/** Texts are bounded to a million characters each; invisible characters are spelled out as `⟦U+200B⟧`. */
export interface DraftPreview {
  readonly subject: string;
  readonly text: string;
  readonly html_text: string | null;
  /** Text of the link as shown, and where it really goes. */
  readonly links: readonly { readonly text: string; readonly href: string; readonly differs: boolean }[];
  readonly hidden: readonly string[];
  readonly attachments: readonly {
    readonly filename: string | null;
    readonly content_type: string;
    readonly size: number;
    readonly sha256: string;
  }[];
  readonly truncated: boolean;
  /** Findings with a redacted piece of what was seen, e.g. `4••• •••• •••• 1111`. */
  readonly redacted: readonly { readonly finding: Finding; readonly preview: string }[];
}
