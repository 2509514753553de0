/** A way to harm an agent by mail, what stops it, and the tests that show it (by id or by words of their title). */
export interface Threat {
  readonly threat: string;
  readonly control: string;
  /** Each occurs in the title of at least one test. */
  readonly tests: readonly string[];
}

/** MB-24. */
export const THREATS: readonly Threat[] = [
  {
    threat: "A stranger talks to the model",
    control: "Only senders a rule names get through; everybody else is refused inside the SMTP transaction and seen by no agent.",
    tests: ["MB-02", "MB-03"],
  },
  {
    threat: "A spoofed `From`",
    control:
      "One `From`, one address, read alike by two parsers, proven by SPF or DKIM aligned with it; per rule DKIM, SPF and DMARC can be required.",
    tests: ["MB-04", "MB-05", "identity_ambiguous"],
  },
  {
    threat: "Injection in the body",
    control:
      "Content guards on subject and every text view, as written and as read, before any model; a match refuses, quarantines or holds.",
    tests: ["MB-09"],
  },
  {
    threat: "A guard that a crafted mail stalls",
    control:
      "Patterns run on a linear-time engine; what it cannot express is refused when the policy is stored. A guard that fails holds the message.",
    tests: ["MB-09 no pattern can stall", "DESIGN §9.4"],
  },
  {
    threat: "Cost runaway from one sender",
    control: "Messages per hour and day and model tokens per thread and day, reserved before dispatch in one transaction.",
    tests: ["MB-07", "MB-08"],
  },
  {
    threat: "An agent that acts beyond the mail's rule",
    control: "The payload carries exactly the rule's capabilities and a signed grant; an act outside them is refused and audited.",
    tests: ["MB-06"],
  },
  {
    threat: "Mail loops between agents",
    control: "Own Message-IDs and caps per thread and pair discard echoes; automatic mail is never answered automatically.",
    tests: ["X-10"],
  },
  {
    threat: "Text that people do not see and models do",
    control: "Hidden HTML, zero-width and tag characters are split off, searched by every guard and never part of what the agent reads.",
    tests: ["X-13"],
  },
  {
    threat: "A webhook that makes the gate call inside (SSRF)",
    control:
      "Public addresses only, in every spelling, judged by each connection itself; redirects are not followed; answers are bounded in bytes and time.",
    tests: ["SSRF", "leads inside by the time of the delivery"],
  },
  {
    threat: "A forged or repeated delivery to an agent",
    control:
      "Standard Webhooks signatures with a time stamp, two secrets during a rotation; one delivery id for ever, the same body at every attempt.",
    tests: ["MH-04", "PB-14", "MB-15 what is not taken"],
  },
  {
    threat: "SMTP smuggling",
    control: "Only CRLF ends a line and only CRLF.CRLF a message; bare CR, bare LF and NUL are refused with 550 5.6.11.",
    tests: ["smuggling"],
  },
  {
    threat: "Oversize mail and parser bombs",
    control: "Size, header, nesting, part, signature and DNS limits before anything is parsed, and parsing off the accept loop.",
    tests: ["size limit", "structure limit", "never stalls the accept loop"],
  },
  {
    threat: "One tenant reading another's mail",
    control: "Every object belongs to a tenant; another tenant's is a 404 on every door.",
    tests: ["MB-18"],
  },
  {
    threat: "An agent sends what nobody wanted sent",
    control:
      "Oversight modes; a draft leaves only by a quorum for exactly its recipients and bytes, counted again in the transaction before DATA.",
    tests: ["MM-04", "X-04", "DESIGN §9.6"],
  },
  {
    threat: "An agent makes itself freer, or approves its own mail",
    control:
      "Modes go up by an operator's one-time code only; no key both sends and decides; nobody approves what they wrote or edited last.",
    tests: ["MM-28", "X-01", "X-05"],
  },
  {
    threat: "A forged approval",
    control: "Decisions carry a token the door signs for one person, one content and one use; an unsigned signal is recorded and ignored.",
    tests: ["X-04 X-06", "signals that nobody signed"],
  },
  {
    threat: "Mail or drafts made up in the Temporal namespace",
    control:
      "What a door starts, and what one step hands to the next, carries a ticket under a key derived from `POSTERN_SECRET_KEY`; a step without one fails and changes nothing.",
    tests: ["a forged start", "no step goes by facts or by a judgement", "is none when any field is another"],
  },
  {
    threat: "Secrets and personal data in mail that leaves",
    control:
      "Keys, tokens, cards and account numbers are found in every text and attachment's text; the draft waits, with a redacted preview.",
    tests: ["X-11"],
  },
  {
    threat: "A thousand mails in an hour",
    control:
      "Caps per hour and day reserved in one transaction; a kill switch for mailbox, agent and tenant that stops what is approved too.",
    tests: ["NY-13", "X-27"],
  },
  {
    threat: "The same mail twice",
    control: "One idempotency key is one draft; one attempt at a time, claimed before DATA; what is uncertain waits for a person.",
    tests: ["NY-12", "DESIGN §9.7"],
  },
  {
    threat: "A client address made up behind an MTA",
    control:
      "XCLIENT and XFORWARD count from listed relays alone, the latter for one transaction; over LMTP the MTA's own address is never the client's.",
    tests: ["what nobody states is unknown", "hold for one transaction", "MB-14 XFORWARD reaches verification"],
  },
  {
    threat: "Mail that a bridge, or a stolen ingest key, makes up",
    control:
      "What is ingested is judged as mail; nobody is believed about it but a key made to attest; no part ends a field or begins one; our own mailboxes are no senders.",
    tests: ["MH-19 a key attests", "X-10 a mailbox of ours is no sender", "PB-08"],
  },
  {
    threat: "A stranger who answers into an agent's thread",
    control: "A thread is joined by who took part in it and is verified, whichever way the mail comes; a quoted Message-ID is none.",
    tests: ["X-28"],
  },
];

/** The threat table of the README. */
export function threatTable(): string {
  const rows = THREATS.map(({ threat, control, tests }) => `| ${threat} | ${control} | ${tests.map((test) => `\`${test}\``).join(", ")} |`);
  return ["| threat | control | tests |", "| --- | --- | --- |", ...rows].join("\n");
}
