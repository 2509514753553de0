/**
 * The disclosure that an agent wrote a mail: a Dictionary of RFC 9651 with the keys of draft-abaris-aicdh-01, an
 * individual Internet-Draft for HTTP that nobody has adopted; mail has no field of its own yet. By the draft's words
 * `ai-originated` is what people have reviewed and `machine-generated` what they have not. The draft's example parts
 * the members by semicolons, which its own grammar takes for parameters; commas are right.
 */
export function formatDisclosure({ reviewed, operator, at }: Disclosure): string {
  const date = `date=@${Math.floor(at / 1000)}`;
  const members = reviewed ? ["mode=ai-originated", `reviewed-by=${formatString(operator)}`, date] : ["mode=machine-generated", date];
  return `AI-Disclosure: ${members.join(",\r\n ")}`;
}

export interface Disclosure {
  /** A person approved these very bytes. */
  readonly reviewed: boolean;
  /** On whose behalf. */
  readonly operator: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

const LONGEST = 60;

/** RFC 9651 §3.3.3 knows ASCII only; a name in another script, or one that would not fit a line, is not mangled but left out. */
function formatString(name: string): string {
  const usable = name !== "" && name.length <= LONGEST && /^[\x20-\x7e]*$/.test(name);
  return `"${(usable ? name : "operator").replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
