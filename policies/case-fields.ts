import { z } from "zod";
import type { GuardViews } from "../src/model/guards.ts";
import type { Finding } from "../src/model/finding.ts";
import { choice, section } from "./fields.ts";
import { must, show } from "./wording.ts";

// What cases of both directions are built from.

const MAX_TEXT = 100_000;
const MAX_LIST = 100;

const WHERE = ["subject", "text", "html", "hidden", "attachments", "headers", "structure"] as const;

export function text(about: string) {
  const says = must(`text of at most ${MAX_TEXT} characters`, "write it as text, no longer than that");
  return z.string(says).max(MAX_TEXT, says).describe(about);
}

export function texts(about: string) {
  const says = must(`a list of at most ${MAX_LIST} texts`, "shorten it");
  return z.array(text(about), says).max(MAX_LIST, says).default([]).describe(about);
}

const nameSays = must("a name of 1 to 200 characters", "say what the case shows");

/** Keys that every case has. */
export const about = {
  name: z.string(nameSays).min(1, nameSays).max(200, nameSays).describe("What the case shows."),
  policy: text("File name of the policy it is for, where several are in one folder.").optional(),
};

export const message = section(
  {
    subject: text("Subject.").default(""),
    text: text("The plain part.").default(""),
    html: text("Visible text of the HTML part.").default(""),
    hidden: texts("Texts a person would not see."),
    attachments: texts("Names of attachments."),
  },
  "an object with `subject` and `text`",
  "the guards look at it; leave it out to give `findings` yourself",
);

/** As guards look at it: with a header that says nothing. */
export function viewsOf(content: z.output<typeof message>): GuardViews {
  return { ...content, headers: { names: [], long_lines: 0 } };
}

export const wholeSays = must("a whole number from 0", "count from 0");

/** Findings given in the case itself, of one of these guards. */
export function findings<const Guards extends readonly [string, ...string[]]>(guards: Guards, example: string) {
  const says = must(`a list of at most ${MAX_LIST} findings`, "shorten it");
  const finding = section(
    {
      guard: choice(guards, "Which guard saw it."),
      code: text("What it saw.").default("case"),
      severity: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)], must("0, 1, 2 or 3", "0 note, 3 dangerous")).default(2),
      score: z.number(must("a number from 0 to 1", "remove it for a guard without a score")).min(0).max(1).optional(),
      where: choice(WHERE, "Where.").default("text"),
      rule_index: z.int(wholeSays).min(0, wholeSays).optional().describe("For `content`: index into `contentGuards`."),
    },
    "an object with `guard`",
    `write for example \`${example}\``,
  );
  return z.array(finding, says).max(MAX_LIST, says).default([]).describe("Findings on top of those.");
}

/** Without the keys that were left out. */
export function given(list: z.output<ReturnType<typeof findings>>): readonly Finding[] {
  return list.map(({ score, rule_index, ...rest }) => ({
    ...rest,
    ...(score === undefined ? {} : { score }),
    ...(rule_index === undefined ? {} : { rule_index }),
  }));
}

/** One line a field that is not as expected; what the case leaves open is. */
export function compare<Expected extends object>(
  expected: Expected,
  got: { readonly [Field in keyof Expected]-?: unknown },
): readonly string[] {
  return (Object.keys(expected) as (keyof Expected & string)[]).flatMap((field) => {
    const want = expected[field];
    if (want === undefined || JSON.stringify(want) === JSON.stringify(got[field])) return [];
    return [`${field}: expected ${show(want)}, got ${show(got[field])}`];
  });
}
