import { z } from "zod";
import { MAX_PROBLEMS } from "./problems.ts";
import { must, nearest, unknownKey, wrong } from "./wording.ts";

// What documents are built from: zod types that say what must be, what was given and the way out.

const MAX_COUNT = 1_000_000_000;

/** An object without unknown keys; each one is named with the key it may have meant, one line a key. */
export function section<Shape extends z.ZodRawShape>(shape: Shape, be: string, fix: string) {
  const known = Object.keys(shape);
  const { error } = must(be, fix);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys
            .slice(0, MAX_PROBLEMS)
            .map((key) => unknownKey(key, known))
            .join("\n")
        : error(issue),
  });
}

export function count(about: string, fix: string) {
  const says = must(`a whole number from 1 to ${MAX_COUNT}`, fix);
  return z.int(says).min(1, says).max(MAX_COUNT, says).describe(about);
}

export function flag(about: string, fix: string) {
  return z.boolean(must("`true` or `false`", fix)).describe(about);
}

export function choice<const Values extends readonly [string, ...string[]]>(values: Values, about: string) {
  const list = values.map((value) => `\`${value}\``).join(", ");
  const fix = (input: unknown) => {
    const near = typeof input === "string" ? nearest(input, values) : null;
    return near === null ? "take one of these words" : `did you mean \`${near}\`?`;
  };
  return z.enum(values, { error: (issue) => must(`one of ${list}`, fix(issue.input)).error(issue) }).describe(about);
}

/** Text with a form of its own; `read` gives its normal form, or null. */
export function form(read: (text: string) => string | null, be: string, fix: string) {
  const says = must(be, fix);
  return z.string(says).transform((text, context) => {
    const normal = text === "*" ? text : read(text);
    if (normal !== null) return normal;
    context.addIssue({ code: "custom", message: wrong(`must be ${be}`, text, fix) });
    return z.NEVER;
  });
}

export function name(be: string, expression: RegExp, fix: string) {
  const says = must(be, fix);
  return z.string(says).regex(expression, says);
}
