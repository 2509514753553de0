import { MAX_DOCUMENT, tooLong } from "./define.ts";
import { readJson } from "./json-text.ts";
import { invalidDocument } from "./problems.ts";
import { readYaml } from "./yaml-text.ts";

export type TextFormat = "yaml" | "json";

/** Text as plain data. Throws `PosternError` `invalid_policy` with line and column. */
export function parseText(text: string, format: TextFormat): unknown {
  const size = Buffer.byteLength(text);
  if (size > MAX_DOCUMENT) throw invalidDocument("policy", [{ path: "policy", message: tooLong(size) }]);
  const read = format === "json" ? readJson(text) : readYaml(text);
  if ("value" in read) return read.value;
  throw invalidDocument("policy", [{ path: "policy", message: `${read.wrong} at ${place(text, read.at)}; fix: ${read.fix}` }]);
}

function place(text: string, at: number): string {
  const before = text.slice(0, at);
  return `line ${before.split("\n").length}, column ${at - before.lastIndexOf("\n")}`;
}
