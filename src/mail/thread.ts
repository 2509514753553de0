import { valuesOf, type HeaderField } from "./header.ts";

/** RFC 5322 §2.1.1: a Message-ID cannot be folded, so it fits a line. */
const MESSAGE_ID_BYTES = 998;
const REFERENCES = 100;

/** What the header says about where a message belongs. Claims of the sender: never enough to join a thread. */
export interface ThreadFacts {
  /** Message-IDs of In-Reply-To, then of References from the last to the first; without brackets, at most 100. */
  readonly references: readonly string[];
  readonly rfc_message_id: string | null;
  /** Sent by a machine or a list: no automatic answer will go to it (RFC 3834 §2). */
  readonly automatic: boolean;
}

export function threadFacts(fields: readonly HeaderField[]): ThreadFacts {
  return {
    references: nearestReferences(fields),
    rfc_message_id: messageIds(valuesOf(fields, "message-id")[0] ?? "")[0] ?? null,
    automatic: isAutomatic(fields),
  };
}

function nearestReferences(fields: readonly HeaderField[]): string[] {
  const replied = valuesOf(fields, "in-reply-to").flatMap(messageIds);
  const earlier = valuesOf(fields, "references").flatMap(messageIds).reverse();
  return [...new Set([...replied, ...earlier])].slice(0, REFERENCES);
}

/** Everything in angle brackets that has the shape of a Message-ID, in order. */
function messageIds(value: string): string[] {
  const ids: string[] = [];
  let open = value.indexOf("<");
  while (open !== -1) {
    const close = value.indexOf(">", open);
    if (close === -1) break;
    const id = value.slice(open + 1, close).trim();
    if (isMessageId(id)) ids.push(id);
    open = value.indexOf("<", close);
  }
  return ids;
}

function isMessageId(id: string): boolean {
  if (id === "" || Buffer.byteLength(id) > MESSAGE_ID_BYTES) return false;
  for (let at = 0; at < id.length; at++) {
    const code = id.charCodeAt(at);
    if (code <= 0x20 || code === 0x3c || (code >= 0x7f && code <= 0xa0)) return false;
  }
  return id.isWellFormed();
}

function isAutomatic(fields: readonly HeaderField[]): boolean {
  // RFC 3834 §5: any keyword but "no"; parameters may follow a semicolon.
  const submitted = valuesOf(fields, "auto-submitted").some((value) => firstWord(value) !== "no");
  const precedence = valuesOf(fields, "precedence").some((value) => BULK.includes(firstWord(value)));
  return submitted || precedence || fields.some((field) => field.name === "list-id");
}

const BULK = ["bulk", "list", "junk"];

function firstWord(value: string): string {
  return (value.split(";", 1)[0] ?? "").trim().toLowerCase();
}
