import type { GuardViews } from "../../src/model/guards.ts";

/** Views of an empty mail with an ordinary header, and what a test is about. */
export function views(given: Partial<GuardViews> = {}): GuardViews {
  return {
    subject: "",
    text: "",
    html: "",
    hidden: [],
    attachments: [],
    headers: { names: ["from", "to", "subject"], long_lines: 0 },
    ...given,
  };
}
