import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cli, errorOf } from "./rig.ts";

const EXAMPLES = fileURLToPath(new URL("../../policies/examples/", import.meta.url));
const POLICY = "defaultAction: bounce\nsenders:\n  - match: { address: boss@acme.example }\n    capabilities: [read_calendar]\n";
const CASE = {
  name: "the boss gets in",
  facts: { from: "boss@acme.example", dkim: "pass" },
  expect: { outcome: "delivered", reason: "sender_rule", capabilities: ["read_calendar"] },
};

let folder: string;
let policy: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-policy-"));
  policy = join(folder, "policy.yaml");
  await writeFile(policy, POLICY);
});
afterEach(() => rm(folder, { recursive: true }));

const check = (...argv: readonly string[]) => cli(["policy", "check", ...argv]);
const write = (name: string, document: unknown) =>
  writeFile(join(folder, name), typeof document === "string" ? document : JSON.stringify(document));

describe("policy check", () => {
  it.each(["assistant.ts", "support.yaml"])("the example %s is valid and all its cases pass", async (name) => {
    const ran = await check(join(EXAMPLES, name), "--json");
    expect(ran).toMatchObject({ code: 0, err: "", json: { valid: true, problems: [] } });
    expect(ran.json.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(ran.json.cases.length).toBeGreaterThan(3);
    expect(ran.json.cases.filter(({ passed }: { passed: boolean }) => !passed)).toEqual([]);
  });

  it("needs neither service nor key, and sums the document up", async () => {
    const { code, out } = await check(policy);
    expect(code).toBe(0);
    expect(out).toMatch(/^policy +.*policy\.yaml is valid\nsenders +1 rule, everybody else: bounce\n/);
    expect(out).toMatch(/\ncases +none\n$/);
  });

  it("says what the document permits that its author may not have meant", async () => {
    await writeFile(policy, POLICY.replace("boss@acme.example }", "boss@acme.example, allowUnverified: true }"));
    const { code, out } = await check(policy);
    expect(code).toBe(0);
    expect(out).toMatch(/\nwarnings +senders\[0\]/);
  });

  it("names every problem with path and fix, and ends with 1", async () => {
    await writeFile(policy, "defaultAction: bonce\nsenders: []\nsender: []\n");
    const { code, out, err } = await check(policy);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^error: the policy is invalid: /);
    expect(err).toMatch(/\n {2}defaultAction .*\n {4}fix: /);
    expect(err).toMatch(/\n {2}sender .*\n {4}fix: /);
  });

  it("with --json a wrong document is a result on standard output", async () => {
    await writeFile(policy, "defaultAction: bonce\nsenders: []\n");
    const ran = await check(policy, "--json");
    expect(ran).toMatchObject({ code: 1, err: "", json: { valid: false, digest: null } });
    expect(ran.json.problems).toEqual([{ path: "defaultAction", message: expect.stringContaining("bonce") as string }]);
  });

  it("runs the cases beside it; a failed one is shown with what differs: 1", async () => {
    await write("good.case.json", CASE);
    await write("bad.case.json", [{ ...CASE, name: "a stranger gets in", facts: { from: "stranger@elsewhere.example", spf: "pass" } }]);
    const { code, out } = await check(policy);
    expect(code).toBe(1);
    expect(out).toMatch(
      /\ncases +1 passed, 1 failed\n✗ a stranger gets in +\(bad\.case\.json\)\n +outcome: expected .*delivered.*, got .*rejected_at_policy/,
    );
    expect((await check(policy, "--json")).json.cases).toEqual([
      { name: "a stranger gets in", passed: false, differences: expect.any(Array) as string[], file: "bad.case.json" },
      { name: "the boss gets in", passed: true, differences: [], file: "good.case.json" },
    ]);
  });

  it("cases of another policy in the folder are counted, not run", async () => {
    await write("both.case.json", [CASE, { ...CASE, policy: "other.yaml", name: "elsewhere" }]);
    expect((await check(policy)).out).toMatch(/\ncases +1 passed \(1 beside them are for other policies\)\n$/);
  });

  it("--cases takes a pattern; one that finds nothing is an error, not a success", async () => {
    await write("elsewhere.json", CASE);
    expect((await check(policy, "--cases", join(folder, "*.json"), "--json")).json.cases).toHaveLength(1);
    const nothing = await check(policy, "--cases", join(folder, "*.nothing"), "--json");
    expect(nothing.code).toBe(2);
    expect(errorOf(nothing)).toMatchObject({ code: "invalid_request", message: expect.stringContaining("no case file matches") as string });
  });

  it("a case file that is none is told with the place", async () => {
    await write("wrong.case.json", { ...CASE, expected: {} });
    const { code, err } = await check(policy);
    expect(code).toBe(1);
    expect(err).toMatch(/^error: `wrong\.case\.json`: /);
    expect(err).toContain("expected");
  });

  it.each([
    ["absent.yaml", null, /cannot be read \(ENOENT\)/, 2],
    ["absent.ts", null, /cannot be read \(ENOENT\)/, 2],
    ["policy.txt", "x", /is no policy document/, 2],
    ["empty.ts", "export {};", /has no default export/, 1],
    ["broken.ts", "export default (", /cannot be loaded/, 1],
    ["importing.ts", 'import "./nowhere.ts"; export default {};', /cannot be loaded: .*nowhere\.ts/, 1],
    ["throwing.ts", "throw new Error('no');", /cannot be loaded: no/, 1],
  ])("%s", async (name, content, message, code) => {
    if (content !== null) await write(name, content);
    const ran = await check(join(folder, name));
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(message);
    expect(ran.err).toMatch(/\nfix: /);
  });
});
