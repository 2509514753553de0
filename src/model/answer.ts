import { SUBMISSION_LIMITS } from "./outbound.ts";

export type MailCapability = "mail.reply" | "mail.send" | "mail.raw";

/** A rule that names one of these has spoken about mail (DESIGN §5). */
const MAIL_CAPABILITIES: readonly string[] = ["mail.reply", "mail.send", "mail.raw"] satisfies MailCapability[];

/** MB-06: a rule that grants any `mail.*` grants no other; one that names none leaves it to the outbound policy. */
export function allowsMail(capabilities: readonly string[], needed: MailCapability): boolean {
  return capabilities.includes(needed) || !capabilities.some((name) => MAIL_CAPABILITIES.includes(name));
}

/** Of the answer to a mail with this subject. */
export function replySubject(subject: string): string {
  const answered = /^re:/i.test(subject) ? subject : `Re: ${subject}`;
  return answered.slice(0, SUBMISSION_LIMITS.subjectCharacters);
}
