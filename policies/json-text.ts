/**
 * JSON as plain data, and what is wrong with the text instead. `JSON.parse` lets the last of two equal keys win in
 * silence, so a rule could be there to read and not in force: a repeated key is refused.
 */
export function readJson(
  text: string,
): { readonly value: unknown } | { readonly wrong: string; readonly at: number; readonly fix: string } {
  try {
    const value: unknown = JSON.parse(text);
    const repeated = repeatedKey(text);
    return repeated === null ? { value } : { wrong: `has the key ${repeated.key} twice in one object`, at: repeated.at, fix: "keep one" };
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1];
    return {
      wrong: "is not JSON",
      at: at === undefined ? text.length : Number(at),
      fix: "correct it there; comments and trailing commas are YAML",
    };
  }
}

// Valid JSON only: strings, and the marks that say which of them are keys of which object.
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

function repeatedKey(text: string): { readonly key: string; readonly at: number } | null {
  const open: (Set<string> | null)[] = [];
  let last = { text: "", at: 0 };
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(null);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const keys = open.at(-1);
      const key = String(JSON.parse(last.text));
      if (keys?.has(key) === true) return { key: JSON.stringify(key), at: last.at };
      keys?.add(key);
    }
    last = { text: token, at: index };
  }
  return null;
}
