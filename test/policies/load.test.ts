import { describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { formatPolicy, parsePolicy, policyDigest } from "../../policies/load.ts";
import type { PolicyInput } from "../../policies/schema.ts";
import { PosternError } from "../../src/model/errors.ts";
import type { Problem } from "../../src/model/errors.ts";

type Loose = Record<string, unknown>;

function refused(call: () => unknown): PosternError {
  try {
    call();
  } catch (error) {
    if (error instanceof PosternError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

function problemsOf(document: unknown): readonly Problem[] {
  return refused(() => definePolicy(document as PolicyInput)).problems;
}

function lines(document: unknown): readonly string[] {
  return problemsOf(document).map(({ path, message }) => `${path} ${message}`);
}

const base = (more: Loose = {}): Loose => ({ senders: [], defaultAction: "bounce", ...more });
const rule = (more: Loose = {}): Loose => ({ match: { address: "a@b.example" }, capabilities: [], ...more });
const sender = (more: Loose): Loose => base({ senders: [rule(more)] });
const match = (asked: Loose): Loose => sender({ match: asked });
const outbound = (more: Loose): Loose => base({ outbound: more });
const approvals = (more: Loose): Loose => outbound({ approvals: more });
const KEY = "key_2n4p6r8t0v1x3z5b7d9f1h3k";
const content = (more: Loose): Loose => base({ contentGuards: [{ reject: "x", reason: "r", ...more }] });

describe("an error names path, value and fix:", () => {
  it.each<[Loose, string]>([
    [{ defaultAction: "drop" }, "senders is missing, must be a list of at most 10000 rules; fix: write `[]` for nobody"],
    [{ senders: [] }, "defaultAction is missing, must be one of `bounce`, `drop`, `quarantine`, `hold`; fix: take one of these words"],
    [
      base({ defaultAction: "bouncy" }),
      'defaultAction must be one of `bounce`, `drop`, `quarantine`, `hold`, got `"bouncy"`; fix: did you mean `bounce`?',
    ],
    [base({ version: 2 }), "version must be `1`, got `2`; fix: remove the key, or write 1"],
    [base({ senders: {} }), "senders must be a list of at most 10000 rules, got `{}`; fix: write `[]` for nobody"],
    [base({ senders: [7] }), "senders[0] must be an object with `match` and `capabilities`, got `7`; fix: write one object a rule"],
    [
      sender({ capabilities: undefined }),
      "senders[0].capabilities is missing, must be a list of at most 100 different names; fix: write `[]` for a sender who may only be heard",
    ],
    [
      sender({ capabilities: ["a b"] }),
      'senders[0].capabilities[0] must be a capability name like `read_calendar`, got `"a b"`; fix: use letters, digits and `_ . : / -`, at most 100',
    ],
    [sender({ capabilities: ["a", "b", "a"] }), 'senders[0].capabilities must not repeat a name, got `"a"`; fix: remove the second one'],
    [
      sender({ rateLimit: { perHour: -1 } }),
      "senders[0].rateLimit.perHour must be a whole number from 1 to 1000000000, got `-1`; fix: remove the field for no hourly limit",
    ],
    [
      sender({ rateLimit: { perDay: 1.5 } }),
      "senders[0].rateLimit.perDay must be a whole number from 1 to 1000000000, got `1.5`; fix: remove the field for no daily limit",
    ],
    [
      sender({ rateLimit: { perHour: "20" } }),
      'senders[0].rateLimit.perHour must be a whole number from 1 to 1000000000, got `"20"`; fix: remove the field for no hourly limit',
    ],
    [sender({ rateLimit: {} }), "senders[0].rateLimit names no limit, got `{}`; fix: give at least one, or remove the key for no limit"],
    [
      sender({ tokenBudget: { perThread: 0 } }),
      "senders[0].tokenBudget.perThread must be a whole number from 1 to 1000000000, got `0`; fix: remove the field for no limit by thread",
    ],
    [sender({ onLimit: "later" }), 'senders[0].onLimit must be one of `refuse`, `defer`, got `"later"`; fix: take one of these words'],
    [sender({ ratelimit: { perHour: 1 } }), "senders[0].ratelimit is an unknown key; fix: did you mean `rateLimit`?"],
    [sender({ rate_limit: {} }), "senders[0].rate_limit is an unknown key; fix: did you mean `rateLimit`?"],
    [base({ outbond: {} }), "outbond is an unknown key; fix: did you mean `outbound`?"],
    [
      base({ "a b": 1 }),
      '["a b"] is an unknown key; fix: remove it, known here: `version`, `senders`, `contentGuards`, `guards`, `defaultAction`, `outbound`, `auditLog`',
    ],
    [
      base({ outbound: 7 }),
      "outbound must be an object like `{ maxMode: gated_send, perHour: 20 }`, got `7`; fix: remove the key for the defaults",
    ],
    [outbound({ perhour: 1 }), "outbound.perhour is an unknown key; fix: did you mean `perHour`?"],
    [
      outbound({ maxMode: "gated" }),
      'outbound.maxMode must be one of `read_only`, `gated_all`, `gated_send`, `monitored`, `autonomous`, got `"gated"`; fix: take one of these words',
    ],
    [
      outbound({ allow: "acme.example" }),
      'outbound.allow must be a list of at most 10000 recipients, got `"acme.example"`; fix: name domains instead of addresses',
    ],
    [
      outbound({ allow: ["@acme.example"] }),
      'outbound.allow[0] must be a recipient like `anna@acme.example`, `acme.example`, `*.acme.example` or `*`, got `"@acme.example"`; fix: write one address, one domain, `*.` before a domain for all below it as well, or `*` for everybody',
    ],
    [outbound({ perHour: 0 }), "outbound.perHour must be a whole number from 1 to 1000000000, got `0`; fix: remove the field for 50"],
    [outbound({ firstContact: true }), "outbound.firstContact must be one of `approve`, got `true`; fix: take one of these words"],
    [
      approvals({ approvers: [] }),
      "outbound.approvals.approvers must be a list of 1 to 100 different ids of keys, got `[]`; fix: remove the field for every key with the scope `oversight`",
    ],
    [
      approvals({ approvers: ["boss"] }),
      'outbound.approvals.approvers[0] must be the id of a key like `key_2n4p6r8t0v1x3z5b7d9f1h3k`, got `"boss"`; fix: take it from `postern key create`',
    ],
    [
      approvals({ approvers: [KEY], quorum: 2 }),
      "outbound.approvals.quorum must not be more than the approvers there are, got `2`; fix: name more `approvers`, or lower it",
    ],
    [
      approvals({ quorum: 1.5 }),
      "outbound.approvals.quorum must be a whole number from 1 to 100, got `1.5`; fix: remove the field for one approval",
    ],
    [
      approvals({ expireAfter: "7d" }),
      'outbound.approvals.expireAfter must be a duration like `30 s`, `90 min`, `36 h` or `7 days`, at most `365 days`, got `"7d"`; fix: remove the field for 7 days',
    ],
    [
      approvals({ expireAfter: "366 days" }),
      'outbound.approvals.expireAfter must be a duration like `30 s`, `90 min`, `36 h` or `7 days`, at most `365 days`, got `"366 days"`; fix: remove the field for 7 days',
    ],
    [
      approvals({ expireAfter: "1 h", remindAfter: "60 min" }),
      'outbound.approvals.remindAfter must be before `expireAfter`, got `"1 h"`; fix: shorten it, or remove it',
    ],
    [
      approvals({ trustNamespace: "yes" }),
      'outbound.approvals.trustNamespace must be `true` or `false`, got `"yes"`; fix: write `true`, or remove the field',
    ],
    [
      match({}),
      'senders[0].match must have exactly one of `address`, `domain`, `list`, has none; fix: use `"address": "*"` for any sender, several rules for several senders',
    ],
    [
      match({ address: "a@b.example", domain: "b.example" }),
      'senders[0].match must have exactly one of `address`, `domain`, `list`, has `address` and `domain`; fix: use `"address": "*"` for any sender, several rules for several senders',
    ],
    [
      match({ address: "b.example" }),
      'senders[0].match.address must be an address like `boss@acme.example`, or `*`, got `"b.example"`; fix: write one address; for a whole domain use `domain`',
    ],
    [
      match({ domain: "*.b.example" }),
      'senders[0].match.domain must be a domain like `acme.example`, or `*`, got `"*.b.example"`; fix: write the bare domain; for its sub-domains add `subdomains: true`',
    ],
    [
      match({ list: "a list" }),
      'senders[0].match.list must be the name of a list, got `"a list"`; fix: use letters, digits, `_`, `.` and `-`, at most 64',
    ],
    [
      match({ list: "vip" }),
      'senders[0].match.list must name a list that exists, got `"vip"`; fix: create the list first, or match an address or a domain',
    ],
    [
      match({ address: "a@b.example", subdomains: true }),
      "senders[0].match.subdomains belongs beside `domain`, got `true` without one; fix: remove it, or name the domain",
    ],
    [
      match({ domain: "*", subdomains: true }),
      "senders[0].match.subdomains belongs beside `domain`, got `true` without one; fix: remove it, or name the domain",
    ],
    [
      match({ address: "*", allowUnverified: true, requireSpf: true }),
      "senders[0].match.allowUnverified contradicts a `require…` key beside it, got `true`; fix: remove one of the two",
    ],
    [
      match({ address: "*", requireDkim: "yes" }),
      'senders[0].match.requireDkim must be `true` or `false`, got `"yes"`; fix: write `true`, or remove the key',
    ],
    [
      content({ reject: /(a)\1/ }),
      'contentGuards[0].reject has the backreference `\\1` at character 4, which no linear-time engine can match, got `"/(a)\\\\1/"`; fix: write out what may repeat',
    ],
    [
      content({ reject: "a(?=b)" }),
      'contentGuards[0].reject has the lookahead `(?=` at character 2, which no linear-time engine can match, got `"a(?=b)"`; fix: match the surrounding text itself, or use two guards',
    ],
    [
      content({ reject: 5 }),
      "contentGuards[0].reject must be a pattern like `/ignore (previous|all) instructions/i`, got `5`; fix: write `/source/flags`, or the bare source",
    ],
    [
      content({ reason: "Bad Reason" }),
      'contentGuards[0].reason must be a snake_case code of at most 64 characters, got `"Bad Reason"`; fix: write for example `prompt_injection_suspected`',
    ],
    [
      content({ in: [] }),
      "contentGuards[0].in must be a list of different places out of `subject`, `text`, `html`, `hidden`, `attachments`, got `[]`; fix: remove the key for the default",
    ],
    [
      content({ in: ["body"] }),
      'contentGuards[0].in[0] must be one of `subject`, `text`, `html`, `hidden`, `attachments`, got `"body"`; fix: take one of these words',
    ],
    [
      content({ action: "drop" }),
      'contentGuards[0].action must be one of `reject`, `quarantine`, `hold`, got `"drop"`; fix: take one of these words',
    ],
    [
      base({ guards: { hidden: { action: "hold" } } }),
      "guards.hidden is an unknown key; fix: remove it, known here: `hidden_text`, `headers`",
    ],
    [base({ guards: { hiddenText: { action: "hold" } } }), "guards.hiddenText is an unknown key; fix: did you mean `hidden_text`?"],
    [
      base({ guards: { headers: { action: "hold", above: 4 } } }),
      "guards.headers.above must be a number from 0 to 3, got `4`; fix: use 0–1 for a guard with a score, 0–3 for severities",
    ],
    [
      base({ auditLog: { retentionDays: 0 } }),
      "auditLog.retentionDays must be a whole number of days from 1 to 36500, got `0`; fix: give at least 1; entries stay for ever, this is about their private details",
    ],
  ])("%j", (document, expected) => {
    expect(lines(document)).toEqual([expected]);
  });

  it("MB-10 a retention under one day is refused", () => {
    expect(problemsOf(base({ auditLog: { retentionDays: 0.5 } }))[0]?.path).toBe("auditLog.retentionDays");
  });

  it("MB-03 a rule with neither address, domain nor list is refused", () => {
    expect(lines(match({ requireDkim: true }))[0]).toContain("has none");
  });

  it("all at once, in the order of the document, the first also in the message", () => {
    const error = refused(() =>
      definePolicy({
        senders: [rule({ onLimit: 1, capabilities: ["?"] }), rule({ rateLimit: { perHour: 0 } })],
        defaultAction: "x",
      } as never),
    );
    expect(error.problems.map(({ path }) => path)).toEqual([
      "senders[0].capabilities[0]",
      "senders[0].onLimit",
      "senders[1].rateLimit.perHour",
      "defaultAction",
    ]);
    expect(error).toMatchObject({
      code: "invalid_policy",
      message: 'the policy is invalid: `senders[0].capabilities[0]` must be a capability name like `read_calendar`, got `"?"` (and 3 more)',
      fix: "use letters, digits and `_ . : / -`, at most 100",
    });
  });

  it.each([null, 7, "text", [], () => 1, Symbol("x"), 10n])("%s is no policy", (document) => {
    expect(problemsOf(document)[0]).toMatchObject({ path: "policy" });
  });

  it("a misspelt list is named with the one it may have meant", () => {
    const error = refused(() => definePolicy(match({ list: "partner" }) as PolicyInput, { lists: ["partners", "vip"] }));
    expect(error.fix).toBe("did you mean `partners`?");
  });

  it("a prototype is no key", () => {
    const document = JSON.parse(
      '{"senders":[],"defaultAction":"drop","__proto__":{"senders":[]},"guards":{"__proto__":{"action":"hold"}}}',
    ) as unknown;
    expect(problemsOf(document).map(({ path }) => path)).toEqual(["guards.__proto__", "__proto__"]);
  });
});

describe("bounds", () => {
  it("10,000 sender rules are accepted, one more is not", () => {
    const senders = Array.from({ length: 10_000 }, (_, index) => ({ match: { address: `a${index}@b.example` }, capabilities: [] }));
    const policy = definePolicy({ senders, defaultAction: "bounce" });
    expect(policy.senders).toHaveLength(10_000);
    expect(policyDigest(parsePolicy(formatPolicy(policy), "json"))).toBe(policyDigest(policy));
    expect(problemsOf({ senders: [...senders, senders[0]], defaultAction: "bounce" })[0]).toMatchObject({ path: "senders" });
  });

  it("500 content guards are accepted, one more is not", () => {
    const contentGuards = Array.from({ length: 500 }, (_, index) => ({ reject: `word${index}`, reason: "r" }));
    expect(definePolicy({ senders: [], contentGuards, defaultAction: "bounce" }).contentGuards).toHaveLength(500);
    expect(problemsOf({ senders: [], contentGuards: [...contentGuards, contentGuards[0]], defaultAction: "bounce" })[0]).toMatchObject({
      path: "contentGuards",
    });
  });

  it("10,000 recipients are accepted, one more is not, nor are other lists without end", () => {
    const allow = Array.from({ length: 10_000 }, (_, index) => `a${index}@b.example`);
    expect(definePolicy(outbound({ allow }) as PolicyInput).outbound?.allow).toHaveLength(10_000);
    expect(problemsOf(outbound({ allow: [...allow, "b.example"] }))[0]).toMatchObject({ path: "outbound.allow" });
    expect(problemsOf(outbound({ block: [...allow, "b.example"] }))[0]).toMatchObject({ path: "outbound.block" });
    const keys = Array.from({ length: 101 }, (_, index) => `key_${String(index).padStart(16, "0")}`);
    expect(problemsOf(approvals({ approvers: keys }))[0]).toMatchObject({ path: "outbound.approvals.approvers" });
    expect(problemsOf(approvals({ escalateTo: [KEY, KEY] }))[0]).toMatchObject({ path: "outbound.approvals.escalateTo" });
  });

  it("patterns together have a bound of their own", () => {
    const contentGuards = Array.from({ length: 120 }, (_, index) => ({ reject: `x${index}.{0,230}y`, reason: "r" }));
    expect(lines(base({ contentGuards }))[0]).toMatch(/^contentGuards compile to \d+ steps together, at most 50000 are allowed; fix: /);
  });

  it("a document over 1 MiB is refused before it is read", () => {
    const text = JSON.stringify(base({ senders: [rule({ capabilities: ["x".repeat(1 << 20)] })] }));
    expect(refused(() => parsePolicy(text, "json")).message).toContain("must be at most 1048576 bytes");
  });

  it("so is one that is written in TypeScript", () => {
    const senders = Array.from({ length: 9_000 }, (_, index) =>
      rule({ match: { address: `a${index}@b.example` }, capabilities: [`c${"x".repeat(90)}`] }),
    );
    expect(problemsOf(base({ senders }))[0]?.message).toContain("must be at most 1048576 bytes");
  });

  it("a million problems are found in bounded time and a hundred are told", () => {
    const started = performance.now();
    expect(problemsOf(base({ senders: Array.from({ length: 10_000 }, () => 0) }))).toHaveLength(100);
    expect(problemsOf(base(Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`key${index}`, 1]))))).toHaveLength(100);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe("text", () => {
  it.each<["yaml" | "json", string, string]>([
    ["json", '{"senders": [],}', "is not JSON at line 1, column 16; fix: correct it there; comments and trailing commas are YAML"],
    ["json", "", "is not JSON at line 1, column 1; fix: correct it there; comments and trailing commas are YAML"],
    ["json", '{"a": 1,\n "a": 2}', 'has the key "a" twice in one object at line 2, column 2; fix: keep one'],
    ["json", '{"a": {"b": "}"}, "\\u0061": 2}', 'has the key "a" twice in one object at line 1, column 19; fix: keep one'],
    ["yaml", "a: 1\nb: 1\na: 2", 'has the key "a" twice in one object at line 3, column 1; fix: keep one'],
    ["yaml", "senders: [", "is not YAML: "],
    ["yaml", "a: 1\n---\nb: 2", "is not YAML: source contains multiple documents"],
    ["yaml", "? a\n: 1", "has an explicit key `?` at line 1, column 1; fix: write `key: value`"],
    ["yaml", "a: !!js/function x", "has a tag at line 1, column 4; fix: remove it"],
    ["yaml", "{a: 1}: 2", "has a key that is not a word at line 1, column 1; fix: write `key: value`"],
    ["yaml", "a: *nowhere", "uses an alias without its anchor"],
  ])("%s %j is refused with its place", (format, text, expected) => {
    const [problem] = refused(() => parsePolicy(text, format)).problems;
    expect(problem?.path).toBe("policy");
    expect(problem?.message).toContain(expected);
    expect(problem?.message).toMatch(/ at line \d+, column \d+; fix: /);
  });

  it("a key of one object may occur in another", () => {
    expect(parsePolicy('{"senders":[],"defaultAction":"drop","auditLog":{"retentionDays":5}}', "json").auditLog.retentionDays).toBe(5);
    expect(
      lines(
        JSON.parse(
          '{"senders":[{"match":{"address":"a@b.example"},"capabilities":[]},{"match":{"address":"a@b.example"},"capabilities":[":"]}]}',
        ),
      ),
    ).toHaveLength(2);
  });

  it("an anchor saves writing, YAML 1.2 words stay words", () => {
    const text =
      "senders:\n  - { match: { address: a@b.example }, capabilities: &c [yes, no, on] }\n  - { match: { address: c@b.example }, capabilities: *c }\ndefaultAction: bounce";
    expect(parsePolicy(text, "yaml").senders.map(({ capabilities }) => capabilities)).toEqual([
      ["yes", "no", "on"],
      ["yes", "no", "on"],
    ]);
  });

  it("an empty text is an empty document", () => {
    expect(refused(() => parsePolicy("", "yaml")).problems[0]?.message).toContain("got `null`");
  });

  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x]",
    ..."bcdefghij".split("").map((name, index) => `${name}: &${name} [${Array(9).fill(`*${"abcdefghij"[index]}`).join(",")}]`),
  ].join("\n");
  it.each<[string, "yaml" | "json", string]>([
    ["aliases of aliases", "yaml", bomb],
    ["many aliases", "yaml", `a: &a [x]\nb: [${"*a,".repeat(60_000)}]`],
    ["nested sequences", "yaml", "- ".repeat(100_000)],
    ["nested brackets", "yaml", "[".repeat(200_000)],
    ["nested explicit keys", "yaml", "? ".repeat(100_000)],
    ["nested flow keys", "yaml", "{? ".repeat(60_000)],
    ["nested mappings", "yaml", Array.from({ length: 700 }, (_, index) => `${" ".repeat(index)}a:`).join("\n")],
    ["tags", "yaml", "!a ".repeat(80_000)],
    ["anchors", "yaml", "&a ".repeat(80_000)],
    ["equal keys", "yaml", "a: 1\n".repeat(50_000)],
    ["different keys", "yaml", Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join("\n")],
    ["colons", "yaml", ": ".repeat(120_000)],
    ["brackets in JSON", "json", "[".repeat(1_000_000)],
    ["closed brackets in JSON", "json", "[".repeat(400_000) + "]".repeat(400_000)],
    ["objects in JSON", "json", '{"a":'.repeat(150_000) + "1" + "}".repeat(150_000)],
  ])("%s are refused in bounded time (%s)", (_, format, text) => {
    const started = performance.now();
    expect(refused(() => parsePolicy(text, format)).code).toBe("invalid_policy");
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});
