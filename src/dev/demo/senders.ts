/** A host of the demo: who writes, from which address of the documentation ranges (RFC 5737), signing as whom. */
export interface Sender {
  readonly address: string;
  readonly name: string;
  readonly ip: string;
  readonly helo: string;
  /** Domain whose DKIM key signs; null: unsigned. */
  readonly signs: string | null;
}

export const BOSS: Sender = {
  address: "boss@acme.example",
  name: "Ada Boss",
  ip: "192.0.2.1",
  helo: "mail.acme.example",
  signs: "acme.example",
};

export const BOT: Sender = {
  address: "notifications@calendar-bot.example",
  name: "Calendar Bot",
  ip: "198.51.100.7",
  helo: "out.calendar-bot.example",
  signs: "calendar-bot.example",
};

export const STRANGER: Sender = {
  address: "sam@elsewhere.example",
  name: "Sam Stranger",
  ip: "203.0.113.9",
  helo: "mx.elsewhere.example",
  signs: "elsewhere.example",
};

/** Writes in the boss's name from a host of its own. */
export const IMPOSTOR: Sender = { ...BOSS, ip: "203.0.113.66", helo: "mail.acme.example", signs: null };

export const SIGNING_SENDERS: readonly Sender[] = [BOSS, BOT, STRANGER];
export const SELECTOR = "demo";
export const ASSISTANT = "assistant@acme.example";
