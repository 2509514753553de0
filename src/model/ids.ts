// Identifiers: a three-letter noun, `_`, then Crockford base32 in lower case (no i, l, o, u). DESIGN §6.

export type IdPrefix =
  | "ten"
  | "msg"
  | "thr"
  | "mbx"
  | "adr"
  | "dom"
  | "dec"
  | "pol"
  | "key"
  | "aud"
  | "rcp"
  | "jti"
  | "drf"
  | "sup"
  | "dkm"
  | "snk"
  | "whk"
  | "evt";

export type Id<P extends IdPrefix> = `${P}_${string}`;
export type TenantId = Id<"ten">;
export type MessageId = Id<"msg">;
export type ThreadId = Id<"thr">;
export type MailboxId = Id<"mbx">;
export type PolicyId = Id<"pol">;
export type DecisionId = Id<"dec">;
export type KeyId = Id<"key">;
export type DraftId = Id<"drf">;
export type SuppressionId = Id<"sup">;
export type DkimKeyId = Id<"dkm">;
export type WebhookId = Id<"whk">;
/** `evt_`: what a webhook's receiver and an agent's workflow know a delivery by. */
export type DispatchId = Id<"evt">;

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Crockford base32 without padding, most significant bits first. */
export function crockford(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
      value &= (1 << bits) - 1;
    }
  }
  if (bits > 0) text += ALPHABET[(value << (5 - bits)) & 31];
  return text;
}

export function makeId<P extends IdPrefix>(prefix: P, bytes: Uint8Array): Id<P> {
  return `${prefix}_${crockford(bytes)}`;
}

export function isId<P extends IdPrefix>(prefix: P, text: string): text is Id<P> {
  if (!text.startsWith(`${prefix}_`)) return false;
  const body = text.slice(prefix.length + 1);
  if (body.length < 16 || body.length > 64) return false;
  for (const character of body) if (!ALPHABET.includes(character)) return false;
  return true;
}

/** The part after the prefix; ids derived from one another (message, workflow, first thread) share it. */
export function idBody(id: string): string {
  return id.slice(id.indexOf("_") + 1);
}

/** Never an address: a workflow id is readable by everybody who may list workflows. */
export function inboundWorkflowId(message: MessageId): string {
  return `in-${idBody(message)}`;
}

/** Of a run that judges several messages: says nothing of them, and no other run has it. */
export function sharedWorkflowId(random: Uint8Array): string {
  return `ins-${crockford(random)}`;
}

export function holdWorkflowId(message: MessageId): string {
  return `hold-${idBody(message)}`;
}

export function outboundWorkflowId(draft: DraftId): string {
  return `out-${idBody(draft)}`;
}

export function dispatchWorkflowId(dispatch: DispatchId): string {
  return `dsp-${idBody(dispatch)}`;
}

/** Of an agent's workflow, one a thread or one a message. */
export function agentWorkflowId(mailbox: MailboxId, about: ThreadId | MessageId, channel: string): string {
  return `agent-${idBody(mailbox)}-${idBody(about)}-${channel}`;
}

/** The row in `messages` of a draft. Ids derived from one another share the body. */
export function draftMessageId(draft: DraftId): MessageId {
  return `msg_${idBody(draft)}`;
}
