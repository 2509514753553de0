import { endOfRun, type Alphabet } from "./alphabet.ts";
import type { Joined } from "./lines.ts";
import { looksRandom } from "./random.ts";
import type { SecretCode, Sighting } from "./sighting.ts";

// Secrets without a form of their own, by what stands before them.

/** Passwords in addresses of services (`postgres://user:password@host`), in connection strings, in headers, in variables. */
export function* seeCredentials(joined: Joined): Generator<Sighting> {
  yield* seeUserinfo(joined);
  yield* seeConnectionPasswords(joined);
  yield* seeNamedKeys(joined);
}

const SCHEME = 20;
const USERINFO = 300;

function* seeUserinfo(joined: Joined): Generator<Sighting> {
  const { text } = joined;
  for (const { index } of text.matchAll(/:\/\//g)) {
    const at = endOfUserinfo(text, index + 3);
    const start = startOfScheme(text, index);
    if (at === null || start === index) continue;
    const colon = text.indexOf(":", index + 3);
    // An address that ends its line, and `Email:somebody@…` on the next one, are no user and password.
    if (colon === -1 || colon >= at || joined.crosses(index, colon) || !isPassword(text.slice(colon + 1, at))) continue;
    yield { code: "connection_string", severity: 3, start, end: endOfHost(text, at + 1) };
  }
}

/** RFC 3986 §3.2.1. Where its `@` stands; null when there is none. */
function endOfUserinfo(text: string, from: number): number | null {
  let last: number | null = null;
  for (let at = from; at < Math.min(text.length, from + USERINFO); at++) {
    const character = text.charAt(at);
    if (character === "@") last = at;
    if (ENDS.has(character)) break;
  }
  // Some host must follow.
  return last !== null && /[\p{L}\p{N}[]/u.test(text.charAt(last + 1)) ? last : null;
}

const ENDS = new Set(" /?#<>\"'`()|\\^");

function startOfScheme(text: string, colon: number): number {
  let start = colon;
  while (start > 0 && colon - start < SCHEME && /[A-Za-z0-9+.-]/.test(text.charAt(start - 1))) start--;
  return start;
}

function endOfHost(text: string, from: number): number {
  return endOfRun(text, from, "dotted", 253);
}

/** Words that stand for one, and variables that hold one. */
const STANDS_FOR = /^(?:pass|password|passwd|pwd|pw|secret|token|key|x+|\*+|•+|\.+|…|%s|\$.*|\{.*|\[.*)$/i;

function isPassword(text: string): boolean {
  return text !== "" && !STANDS_FOR.test(text);
}

const NEAR = 200;
const PASSWORD = /\b(?:password|passwd|pwd) ?= ?/gi;
/** Keys that only stand beside a password when both are for a server. */
const SERVER = /\b(?:server|data source|host|hostname|dbname|database|initial catalog) ?=/i;

/** ADO.NET, ODBC, libpq: `Server=…;User Id=…;Password=…`. */
function* seeConnectionPasswords({ text }: Joined): Generator<Sighting> {
  for (const { 0: key, index } of text.matchAll(PASSWORD)) {
    const from = index + key.length;
    const value = /^["']?[^\s;"'&]{1,200}/.exec(text.slice(from, from + NEAR))?.[0] ?? "";
    if (!isPassword(value.replace(/^["']/, ""))) continue;
    const near = text.slice(Math.max(0, index - NEAR), index) + text.slice(from + value.length, from + value.length + NEAR);
    if (SERVER.test(near)) yield { code: "connection_string", severity: 3, start: index, end: from + value.length };
  }
}

interface NamedKey {
  readonly code: SecretCode;
  readonly alphabet: Alphabet;
  readonly least: number;
  readonly most: number;
}

/** By the name before it, in lower case and without `_`, `-` and spaces. */
const NAMED: ReadonlyMap<string, NamedKey> = new Map([
  ["secretaccesskey", { code: "aws_key", alphabet: "base64", least: 40, most: 40 }],
  ["accountkey", { code: "azure_key", alphabet: "base64", least: 44, most: 88 }],
  ["sharedaccesskey", { code: "azure_key", alphabet: "base64", least: 43, most: 88 }],
  ["sharedaccesssignature", { code: "azure_key", alphabet: "base64any", least: 43, most: 512 }],
  ["authorization:bearer", { code: "authorization", alphabet: "base64any", least: 16, most: 512 }],
  ["authorization:basic", { code: "authorization", alphabet: "base64", least: 8, most: 512 }],
]);

const NAME =
  /secret[ _-]?access[ _-]?key|account[ _-]?key|shared[ _-]?access[ _-]?(?:key|signature)|authorization["']? ?[:=] ?["']?(?:bearer|basic) /gi;

function* seeNamedKeys({ text }: Joined): Generator<Sighting> {
  for (const { 0: name, index } of text.matchAll(NAME)) {
    const rule = NAMED.get(
      name
        .toLowerCase()
        .replace(/[ _"'-]/g, "")
        .replace("=", ":"),
    );
    if (rule === undefined) continue;
    const from = afterMarks(text, index + name.length);
    const end = endOfRun(text, from, rule.alphabet, rule.most);
    if (end - from >= rule.least && looksRandom(text.slice(from, end))) yield { code: rule.code, severity: 3, start: from, end };
  }
}

/** Past what stands between a name and its value: `": "`, ` = `, `</b> `. */
function afterMarks(text: string, from: number): number {
  let at = from;
  while (at < from + 8 && " :='\"`,".includes(text.charAt(at)) && at < text.length) at++;
  return at;
}
