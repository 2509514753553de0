import type { StoredMessage } from "../mail/reader.ts";
import type { Headline } from "../model/message.ts";

/** Messages; each has at most two lines of 998 characters. */
const MOST = 1_000;

/**
 * Subjects and Message-IDs of the messages read lately, oldest first. The last step of a judgement needs them, a second after
 * the first step has read them; what goes from step to step stays in a history, where they may not be (DESIGN §9.10).
 */
export class Headlines {
  readonly #headlines = new Map<string, Headline>();

  keep(message: StoredMessage, { subject, rfc_message_id }: Headline): void {
    if (this.#headlines.size >= MOST) this.#headlines.delete(this.#headlines.keys().next().value as string);
    this.#headlines.set(nameOf(message), { subject, rfc_message_id });
  }

  of(message: StoredMessage): Headline | null {
    return this.#headlines.get(nameOf(message)) ?? null;
  }
}

function nameOf({ tenant, ref }: StoredMessage): string {
  return `${tenant}/${ref.digest}`;
}
