import { createHash } from "node:crypto";
import type { Finding, Severity, Where } from "../model/finding.ts";
import type { GuardName, GuardViews } from "../model/guards.ts";
import { fold } from "./fold.ts";
import type { Guard } from "./guard.ts";

const NAME = "hidden_text" satisfies GuardName;

/**
 * Text that a person reading the mail would not see (X-13). A third of honest bulk mail hides a line of preview text,
 * so hidden HTML alone stays low; what has no honest use in a mail is dangerous.
 *
 * | code | severity | |
 * |---|---|---|
 * | `unicode_tags` | 3 | characters U+E0000–E007F outside the three flag emoji: invisible ASCII |
 * | `selector_run` | 3 | two and more variation selectors in a row: invisible bytes |
 * | `zero_width_code` | 2 | 16 and more zero-width characters in a row, of two kinds and more: invisible bits |
 * | `bidi_override` | 2 | text shown in another order than it is read |
 * | `split_words` | 1, from three 2 | zero-width characters between Latin letters: a word that searches miss |
 * | `hidden_instructions` | 2 | hidden text that speaks to a model |
 * | `hidden_html` | 0, over 300 characters 1, over 1,000 and more than is shown 2 | text hidden by its style |
 */
export const hiddenTextGuard: Guard = {
  name: NAME,
  look: (views) => [...characters(views), ...hiddenHtml(views)],
};

interface Sign {
  readonly code: string;
  readonly pattern: RegExp;
  readonly severity: (matches: number, first: string) => Severity | null;
}

// Classes with one bounded quantifier each and fixed look-behinds: linear, and no run is too long for the engine's stack.
const SIGNS: readonly Sign[] = [
  { code: "unicode_tags", pattern: /[\u{E0000}-\u{E007F}]{1,65536}/gu, severity: () => 3 },
  { code: "selector_run", pattern: /[\u{FE00}-\u{FE0F}\u{E0100}-\u{E01EF}]{2,65536}/gu, severity: () => 3 },
  {
    code: "zero_width_code",
    pattern: /[\u{200B}-\u{200F}\u{2060}-\u{2064}\u{FEFF}]{16,65536}/gu,
    severity: (_, first) => (new Set(first).size > 1 ? 2 : null),
  },
  { code: "bidi_override", pattern: /[\u{202D}\u{202E}]/gu, severity: () => 2 },
  {
    code: "split_words",
    pattern: /(?<=\p{Script=Latin})[\u{200B}-\u{200D}\u{2060}\u{FEFF}](?=\p{Script=Latin})/gu,
    severity: (matches) => (matches >= 3 ? 2 : 1),
  },
];

/** England, Scotland and Wales: the flags that Unicode spells with tag characters (UTS #51 ED-14a). */
const FLAGS =
  /\u{1F3F4}\u{E0067}\u{E0062}(?:\u{E0065}\u{E006E}\u{E0067}|\u{E0073}\u{E0063}\u{E0074}|\u{E0077}\u{E006C}\u{E0073})\u{E007F}/gu;

function characters(views: GuardViews): readonly Finding[] {
  const texts: readonly (readonly [Where, string])[] = [
    ["subject", views.subject],
    ["text", views.text],
    ["html", views.html],
    ["hidden", views.hidden.join("\n")],
    ["attachments", views.attachments.join("\n")],
  ];
  return texts.flatMap(([where, text]) => (/[^\0-\u{2FF}]/u.test(text) ? signsIn(where, text) : []));
}

function signsIn(where: Where, text: string): readonly Finding[] {
  // Blanked rather than removed: offsets stay those of the view.
  const plain = text.replace(FLAGS, (flag) => " ".repeat(flag.length));
  return SIGNS.flatMap((sign) => {
    const [first, count] = firstAndCount(plain, sign.pattern);
    const severity = first === null ? null : sign.severity(count, first.text);
    return first === null || severity === null
      ? []
      : [
          {
            guard: NAME,
            code: sign.code,
            severity,
            where,
            span: { offset: first.offset, length: first.text.length, sha256: sha256(first.text) },
          },
        ];
  });
}

function firstAndCount(text: string, pattern: RegExp): readonly [{ readonly text: string; readonly offset: number } | null, number] {
  let first: { readonly text: string; readonly offset: number } | null = null;
  let count = 0;
  for (const match of text.matchAll(pattern)) {
    first ??= { text: match[0], offset: match.index };
    if (++count === 3) break;
  }
  return [first, count];
}

/** Sentences that only make sense to a model. Bounded gaps: linear. */
const INSTRUCTIONS: readonly RegExp[] = [
  /\b(?:ignore|disregard|forget|override)\b[^.]{0,40}\b(?:instructions|prompts?|guidelines)\b/i,
  /\b(?:system|developer) (?:prompt|message|instructions?)\b/i,
  /\byou are (?:now )?(?:an? )?(?:helpful )?(?:assistant|ai|agent|language model)\b/i,
  /\b(?:do not|don't|never) (?:tell|inform|alert|notify|mention)\b[^.]{0,30}\buser\b/i,
  /<\|(?:im_start|im_end|system|endoftext)\|>|\[\/?INST\]/i,
];

function hiddenHtml(views: GuardViews): readonly Finding[] {
  const hidden = views.hidden.join("\n");
  const read = fold(hidden).text.trim();
  // Padding: preview texts end in dozens of invisible characters.
  if (!/[\p{L}\p{N}]/u.test(read)) return [];
  const shown = Math.max(views.text.length, views.html.length);
  const span = { offset: 0, length: hidden.length, sha256: sha256(hidden) };
  const amount: Finding = { guard: NAME, code: "hidden_html", severity: severityOf(read.length, shown), where: "hidden", span };
  const speaks = INSTRUCTIONS.some((pattern) => pattern.test(read));
  return speaks ? [amount, { ...amount, code: "hidden_instructions", severity: 2 }] : [amount];
}

function severityOf(hidden: number, shown: number): Severity {
  if (hidden > 1_000 && hidden > shown) return 2;
  return hidden > 300 ? 1 : 0;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
