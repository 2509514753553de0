import { Lexer, LineCounter, isMap, isScalar, parseDocument, visit } from "yaml";
import type { Document, YAMLMap } from "yaml";

type Read = { readonly value: unknown } | { readonly wrong: string; readonly at: number; readonly fix: string };
type Refusal = Extract<Read, { readonly wrong: string }>;

/** Characters. YAML of a hostile shape costs some seconds a megabyte; who needs more writes JSON. */
const MAX_YAML = 256 * 1024;
const MAX_DEPTH = 32;
const MAX_ALIASES = 100;

/**
 * YAML 1.2 core schema as plain data, and what is wrong with the text instead. Plain documents only: no tags, no
 * explicit (`? `) or collection keys, no second document, no repeated key, aliases bounded.
 */
export function readYaml(text: string): Read {
  if (text.length > MAX_YAML)
    return refusal(`has ${text.length} characters, at most ${MAX_YAML} are allowed as YAML`, 0, "write it as JSON");
  const shape = shapeProblem(text);
  if (shape !== null) return shape;
  // `uniqueKeys` compares every pair; the check of our own is linear.
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    strict: true,
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: new LineCounter(),
  });
  const [first] = [...document.errors, ...document.warnings];
  if (first !== undefined) return refusal(`is not YAML: ${sentence(first.message)}`, first.pos[0], "correct it there");
  return keyProblem(document) ?? toData(document);
}

/**
 * On the lexer's tokens, which cost linear time, before the parser sees them: its time is exponential in nested explicit
 * keys and its stack is bounded by nesting.
 */
function shapeProblem(text: string): Refusal | null {
  let at = 0;
  let depth = 0;
  let dashes = 0;
  let aliases = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "?") return refusal("has an explicit key `?`", at, "write `key: value`");
    if (token.startsWith("!")) return refusal("has a tag", at, "remove it");
    if (token === "\n") dashes = 0;
    if (token === "-") dashes++;
    if (token === "[" || token === "{") depth++;
    if (token === "]" || token === "}") depth--;
    if (token.startsWith("*") || token.startsWith("&")) aliases++;
    if (depth > MAX_DEPTH || dashes > MAX_DEPTH) return refusal(`nests more than ${MAX_DEPTH} levels deep`, at, "flatten it");
    if (aliases > MAX_ALIASES) return refusal(`has more than ${MAX_ALIASES} anchors and aliases`, at, "write the parts out");
    // The lexer marks documents and scalars by single control characters of its own.
    if (!/^[\u{2}\u{18}\u{1f}]$/u.test(token)) at += token.length;
  }
  return null;
}

function keyProblem(document: Document): Refusal | null {
  let problem: Refusal | null = null;
  visit(document, {
    Map: (_, map) => {
      problem ??= repeatedKey(map);
      return problem === null ? undefined : visit.BREAK;
    },
  });
  return problem;
}

function repeatedKey(map: YAMLMap): Refusal | null {
  const keys = new Set<string>();
  for (const { key } of map.items) {
    const at = (isScalar(key) || isMap(key) ? key.range?.[0] : undefined) ?? map.range?.[0] ?? 0;
    if (!isScalar(key)) return refusal("has a key that is not a word", at, "write `key: value`");
    const name = String(key.value);
    if (keys.has(name)) return refusal(`has the key ${JSON.stringify(name)} twice in one object`, at, "keep one");
    keys.add(name);
  }
  return null;
}

function toData(document: Document): Read {
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown };
  } catch (error) {
    if (error instanceof ReferenceError && error.message.startsWith("Unresolved"))
      return refusal("uses an alias without its anchor", 0, "write the part out");
    return refusal("repeats too much by aliases", 0, "write the parts out");
  }
}

function sentence(message: string): string {
  const line = message.split("\n")[0] ?? "";
  return (line.charAt(0).toLowerCase() + line.slice(1)).replace(/\.$/, "").slice(0, 200);
}

function refusal(wrong: string, at: number, fix: string): Refusal {
  return { wrong, at, fix };
}
