import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { width } from "../../src/cli/text.ts";
import { ADMIN_KEY, HIDDEN, startRig, type Rig } from "../http/rig.ts";
import { cli, errorOf, type Ran, type RunOptions } from "./rig.ts";

// Against the real HTTP door and the real store.

let rig: Rig;
let folder: string;
beforeAll(async () => {
  rig = await startRig();
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
});
afterAll(async () => {
  await rig.stop();
  await rm(folder, { recursive: true });
});

function postern(argv: readonly string[], { key = ADMIN_KEY, ...options }: RunOptions & { readonly key?: string } = {}): Promise<Ran> {
  return cli(argv, { ...options, env: { POSTERN_URL: rig.base, POSTERN_KEY: key, ...options.env } });
}

describe("tenant", () => {
  it("create prints the tenant and its key once, and a taken name is 6", async () => {
    const made = await postern(["tenant", "create", "umbrella"]);
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/^tenant +ten_\w+\nname +umbrella\ncreated +2026-11-21 10:00:00Z\nkey id +key_\w+\nkey +pst_live_\w+\n$/);
    expect(made.err).toMatch(/^note: the key is shown this once/);
    const again = await postern(["tenant", "create", "umbrella"]);
    expect(again).toMatchObject({ code: 6, out: "" });
    expect(again.err).toMatch(/^error: a tenant of this name is there already\nfix: /);
  });

  it("create needs an operator's key: 4", async () => {
    const { json } = await postern(["tenant", "create", "initech", "--json"]);
    expect((await postern(["tenant", "create", "other"], { key: json.admin_key.key })).code).toBe(4);
  });
});

describe("mailbox", () => {
  it("create makes it, with the agent named after the local part unless told otherwise", async () => {
    const plain = await postern(["mailbox", "create", "desk@acme.example", "--json"]);
    expect(plain).toMatchObject({ code: 0, json: { address: "desk@acme.example", agent_id: "desk", policy: null } });
    const named = await postern(["mailbox", "create", "desk2@acme.example", "--agent", "assistant"]);
    expect(named.out).toMatch(/agent +assistant\n/);
    expect(named.out).toMatch(/policy +none: everything is refused\n/);
  });

  it("a taken address is 6, what is no address is 2", async () => {
    await postern(["mailbox", "create", "taken@acme.example"]);
    expect((await postern(["mailbox", "create", "taken@acme.example"])).code).toBe(6);
    for (const text of ["desk", "@acme.example", "desk@", "a b@acme.example"])
      expect((await postern(["mailbox", "create", text])).code).toBe(2);
  });

  it("show finds it by id, address and alias, in any case", async () => {
    const { id, address } = await rig.mailbox();
    await rig.call("POST", `/v1/mailboxes/${id}/aliases`, { body: { address_local_part: "also" } });
    for (const name of [id, address, "ALSO@acme.example"]) {
      expect(await postern(["mailbox", "show", name, "--json"])).toMatchObject({ code: 0, json: { id, aliases: ["also@acme.example"] } });
    }
  });

  it("MB-18 another tenant's mailbox is not found: 5", async () => {
    const { id, address } = await rig.mailbox();
    const { key } = await rig.tenantKey("nosy");
    for (const name of [id, address]) expect((await postern(["mailbox", "show", name], { key })).code).toBe(5);
  });

  it("list pages by cursor, and --json is what the HTTP door says", async () => {
    const { key } = await rig.tenantKey("paging");
    for (const name of ["a", "b", "c"]) await postern(["mailbox", "create", `${name}@paging.example`], { key });
    const first = await postern(["mailbox", "list", "--limit", "2", "--json"], { key });
    const direct = await rig.call("GET", "/v1/mailboxes?limit=2", { key });
    expect(first.json).toEqual(direct.body);
    const shown = await postern(["mailbox", "list", "--limit", "2"], { key });
    expect(shown.err).toBe(`note: there is more: add \`--cursor ${first.json.next_cursor}\`\n`);
    const rest = await postern(["mailbox", "list", "--cursor", first.json.next_cursor, "--json"], { key });
    const seen = [...first.json.items, ...rest.json.items].map((mailbox: { address: string }) => mailbox.address);
    expect(seen.sort()).toEqual(["a@paging.example", "b@paging.example", "c@paging.example"]);
    expect(rest.json.next_cursor).toBeNull();
  });
});

describe("key", () => {
  it("create binds it to mailboxes by address and shows it once; revoke ends it", async () => {
    const { id, address } = await rig.mailbox();
    const made = await postern(["key", "create", "the assistant", "--scope", "read", "--mailbox", address, "--json"]);
    expect(made.json).toMatchObject({ name: "the assistant", scopes: ["read"], mailboxes: [id] });
    const { key, id: keyId } = made.json as { key: string; id: string };
    expect((await postern(["mailbox", "list", "--json"], { key })).json.items).toHaveLength(1);
    expect(await postern(["key", "revoke", keyId, "--json"])).toMatchObject({ code: 0, json: { id: keyId, revoked: true } });
    expect((await postern(["mailbox", "list"], { key })).code).toBe(4);
  });

  it("list shows whose they are, what they may and whether they still do, never a key; --json is what the HTTP door says", async () => {
    const { key: admin } = await rig.tenantKey("keys-on-a-list");
    const made = await postern(["key", "create", "a bridge", "--scope", "ingest", "--attest", "--json"], { key: admin });
    const { id, key } = made.json as { id: string; key: string };
    expect((await postern(["key", "list"], { key: admin })).out).toMatch(
      new RegExp(`\\n${id} +a bridge +ingest \\(attests\\) +all +\\S+ \\S+ +in use\\n`),
    );
    await postern(["key", "revoke", id], { key: admin });
    const { out } = await postern(["key", "list", "--limit", "2"], { key: admin });
    expect(out).toMatch(new RegExp(`\\n${id} .* revoked \\d`));
    expect(out).not.toContain(key);
    const listed = await postern(["key", "list", "--json"], { key: admin });
    expect(listed.json).toEqual((await rig.call("GET", "/v1/keys", { key: admin })).body);
    expect((await postern(["key", "list"], { key })).code).toBe(4);
  });

  it("X-01 send and oversight on one key are refused with the places: 2", async () => {
    const ran = await postern(["key", "create", "both", "--scope", "send", "--scope", "oversight", "--json"]);
    expect(ran.code).toBe(2);
    expect(errorOf(ran).errors).toEqual([{ path: "scopes", message: "`send` and `oversight` exclude each other" }]);
  });

  it("revoke of an unknown key is 5, of a key instead of its id 2 without repeating it", async () => {
    expect((await postern(["key", "revoke", "key_0000000000000000"])).code).toBe(5);
    const ran = await postern(["key", "revoke", "pst_live_thesecret"]);
    expect(ran.code).toBe(2);
    expect(ran.err).not.toContain("thesecret");
  });
});

describe("policy", () => {
  const POLICY = { defaultAction: "bounce", senders: [{ match: { address: "boss@acme.example" }, capabilities: ["read_calendar"] }] };

  it("apply puts it in force, the same again adds no version, show shows it", async () => {
    const { address } = await rig.mailbox();
    const file = join(folder, "policy.json");
    await writeFile(file, JSON.stringify(POLICY));
    const first = await postern(["policy", "apply", file, "--mailbox", address]);
    expect(first.out).toMatch(/^version +1, in force from the next message on\n/);
    const second = await postern(["policy", "apply", file, "--mailbox", address, "--json"]);
    expect(second.json).toMatchObject({ version: 1, created: false });
    const shown = await postern(["policy", "show", address, "--json"]);
    expect(shown.json).toMatchObject({ version: 1, digest: second.json.digest, document: { defaultAction: "bounce" } });
    expect((await postern(["policy", "show", address])).out).toContain('"boss@acme.example"');
  });

  it("MB-01 YAML, JSON and TypeScript of one document have one digest", async () => {
    const { address } = await rig.mailbox();
    const guard = "contentGuards: [{ reject: '/ignore (previous|all) instructions/i', reason: injection }]";
    await writeFile(join(folder, "same.yaml"), `${guard}\ndefaultAction: bounce\nsenders: []\n`);
    await writeFile(join(folder, "same.json"), JSON.stringify({ contentGuards: [{ reject: "/ignore (previous|all) instructions/i", reason: "injection" }], defaultAction: "bounce", senders: [] })); // prettier-ignore
    const define = new URL("../../policies/define.ts", import.meta.url).href;
    await writeFile(
      join(folder, "same.ts"),
      `import { definePolicy } from ${JSON.stringify(define)};\nexport default definePolicy({ contentGuards: [{ reject: /ignore (previous|all) instructions/i, reason: "injection" }], defaultAction: "bounce", senders: [] });\n`,
    );
    const digests = [];
    for (const name of ["same.yaml", "same.json", "same.ts"]) {
      const ran = await postern(["policy", "apply", join(folder, name), "--mailbox", address, "--json"]);
      expect(ran.err).toBe("");
      digests.push(ran.json.digest);
    }
    expect(new Set(digests).size).toBe(1);
  });

  it("a wrong document is 1 with every problem, and nothing is applied", async () => {
    const { address } = await rig.mailbox();
    const file = join(folder, "wrong.yaml");
    await writeFile(file, "defaultAction: bonce\nsenders: []\nsender: []\n");
    const ran = await postern(["policy", "apply", file, "--mailbox", address]);
    expect(ran.code).toBe(1);
    expect(ran.err).toMatch(/defaultAction .*\n {4}fix: /);
    expect(ran.err).toMatch(/ {2}sender .*\n {4}fix: /);
    expect((await postern(["policy", "show", address])).code).toBe(5);
  });
});

describe("messages", () => {
  it("list shows what there is; the outcome filters; --json is what the HTTP door says", async () => {
    const mailbox = await rig.mailbox();
    await rig.message({ mailbox: mailbox.id, subject: "Lunch?" });
    await rig.message({ mailbox: mailbox.id, outcome: "held", subject: "Invoice" });
    const all = await postern(["messages", "list", "--mailbox", mailbox.address, "--json"]);
    expect(all.json).toEqual((await rig.call("GET", `/v1/mailboxes/${mailbox.id}/messages?limit=50`)).body);
    const held = await postern(["messages", "list", "--mailbox", mailbox.address, "--outcome", "held"]);
    expect(held.out).toMatch(/^ID +RECEIVED \(UTC\) +OUTCOME +FROM +SUBJECT\nmsg_\w+ +11-21 10:00:00 +held +boss@acme.example +Invoice\n$/);
  });

  it("without --mailbox the only one is meant; with several one must be named: 2", async () => {
    const { key } = await rig.tenantKey("single");
    expect((await postern(["messages", "list"], { key })).code).toBe(5);
    await postern(["mailbox", "create", "one@single.example"], { key });
    expect(await postern(["messages", "list"], { key })).toMatchObject({ code: 0, out: "no messages\n" });
    await postern(["mailbox", "create", "two@single.example"], { key });
    const several = await postern(["messages", "list"], { key });
    expect(several.code).toBe(2);
    expect(several.err).toContain("--mailbox");
  });

  it("fits 80 and 140 columns, on two lines or one, with the whole id", async () => {
    const mailbox = await rig.mailbox();
    const id = await rig.message({ mailbox: mailbox.id, subject: "昼食について ".repeat(20) });
    for (const columns of [80, 140]) {
      const { out } = await postern(["messages", "list", "--mailbox", mailbox.id], { columns });
      for (const line of out.split("\n")) expect(width(line)).toBeLessThanOrEqual(columns);
      expect(stripVTControlCharacters(out)).toContain(id);
    }
  });

  it("colours only on a terminal without NO_COLOR", async () => {
    const mailbox = await rig.mailbox();
    await rig.message({ mailbox: mailbox.id });
    const argv = ["messages", "list", "--mailbox", mailbox.id];
    expect((await postern(argv, { columns: 140 })).out).toContain("\u001b[32mdelivered");
    expect((await postern(argv, { columns: 140, env: { NO_COLOR: "1" } })).out).not.toContain("\u001b");
    expect((await postern(argv)).out).not.toContain("\u001b");
  });

  it("a subject cannot act on the terminal, in a table, in show or in JSON", async () => {
    const mailbox = await rig.mailbox();
    const id = await rig.message({ mailbox: mailbox.id, subject: "\u001b[2J\u202eevil", text: "one\r\ntwo \u001b]0;title\u0007" });
    for (const argv of [
      ["messages", "list", "--mailbox", mailbox.id],
      ["messages", "show", id],
      ["messages", "list", "--mailbox", mailbox.id, "--json"],
    ]) {
      expect((await postern(argv)).out.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    expect((await postern(["messages", "show", id])).out).toContain("one\ntwo \\u{1b}]0;title\\u{7}");
  });

  it("X-13 show gives the text a reader sees and only counts what is hidden", async () => {
    const { id: mailbox } = await rig.mailbox();
    const id = await rig.message({ mailbox, text: "Shall we?" });
    const { out } = await postern(["messages", "show", id]);
    expect(out).toMatch(/\n\nShall we\?\n$/);
    expect(out).toContain("1 text that a reader would not see");
    expect(out).not.toContain(HIDDEN);
    expect((await postern(["messages", "show", id, "--json"])).json.hidden_text).toEqual([HIDDEN]);
  });

  it("PB-09 raw gives the bytes exactly, to a pipe, a new file or in base64", async () => {
    const { id: mailbox } = await rig.mailbox();
    const id = await rig.message({ mailbox });
    const raw = (await rig.call("GET", `/v1/messages/${id}/raw`)).text;
    expect((await postern(["messages", "raw", id])).out).toBe(raw);
    const output = join(folder, "letter.eml");
    expect(await postern(["messages", "raw", id, "--output", output, "--json"])).toMatchObject({ code: 0, json: { id, file: output } });
    expect(await readFile(output, "utf8")).toBe(raw);
    expect(await postern(["messages", "raw", id, "--output", output])).toMatchObject({
      code: 2,
      err: expect.stringContaining("is there already") as string,
    });
    expect(Buffer.from((await postern(["messages", "raw", id, "--json"])).json.raw_base64 as string, "base64").toString()).toBe(raw);
  });

  it("raw of what is no longer kept is 5; an agent without the capability is 4", async () => {
    const { id: mailbox } = await rig.mailbox();
    const gone = await rig.message({ mailbox, outcome: "rejected_at_policy", kept: false });
    expect((await postern(["messages", "raw", gone])).code).toBe(5);
    const key = await rig.key(["read"], [mailbox]);
    expect((await postern(["messages", "raw", await rig.message({ mailbox })], { key })).code).toBe(4);
  });

  it("release and discard decide once; the second time is 6", async () => {
    const { id: mailbox } = await rig.mailbox();
    for (const [action, outcome] of [
      ["release", "delivered"],
      ["discard", "discarded"],
    ] as const) {
      // prettier-ignore
      const id = await rig.message({ mailbox, outcome: "held" });
      const decided = await postern(["messages", action, id, "--note", "asked on the phone", "--json"]);
      expect(decided).toMatchObject({ code: 0, json: { message_id: id, stage: "release", outcome } });
      expect((await postern(["messages", action, id])).code).toBe(6);
    }
    expect((await postern(["messages", "release", "msg_0000000000000000"])).code).toBe(5);
  });
});

describe("decisions", () => {
  it("list filters by message and outcome", async () => {
    const { id: mailbox } = await rig.mailbox();
    const message = await rig.message({ mailbox, outcome: "rejected_at_content_guard" });
    await rig.message({ mailbox });
    const byMessage = await postern(["decisions", "list", "--mailbox", mailbox, "--message", message, "--json"]);
    expect(byMessage.json.items.map((item: { message_id: string }) => item.message_id)).toEqual([message]);
    const byOutcome = await postern(["decisions", "list", "--mailbox", mailbox, "--outcome", "delivered"]);
    expect(byOutcome.out).toMatch(/^ID +AT \(UTC\) +OUTCOME +REASON +CAPABILITIES\ndec_\w+ .* delivered +sender_rule +read_calendar\n$/);
  });

  it("X-32 explain shows every step, by decision or message", async () => {
    const { id: mailbox } = await rig.mailbox();
    const message = await rig.message({ mailbox, outcome: "rejected_at_content_guard" });
    const { out, code } = await postern(["decisions", "explain", message]);
    expect(code).toBe(0);
    expect(out).toMatch(/^rejected_at_content_guard: test reason\n/);
    for (const step of ["✓ sender match", "✓ verification", "✓ loop", "✗ content guards", "– rate limit", "– token budget"])
      expect(out).toContain(step);
    expect(out).toContain("content pattern in text (severity 3)");
    const { id } = (await postern(["decisions", "list", "--mailbox", mailbox, "--json"])).json.items[0] as { id: string };
    expect((await postern(["decisions", "explain", id, "--json"])).json).toEqual(
      (await rig.call("GET", `/v1/decisions/${id}/explain`)).body,
    );
  });

  it("MM-17 the record is listed by mailbox, kind and time, and says it all as JSON", async () => {
    const { id: mailbox, address } = await rig.mailbox();
    const message = await rig.message({ mailbox, outcome: "rejected_at_content_guard" });
    const { out } = await postern(["audit", "list", "--mailbox", address, "--kind", "decision", "--since", "2026-11-21T00:00Z"]);
    expect(out).toMatch(/^AT \(UTC\) +KIND +BY +ABOUT +FACTS\n[\d: -]+  decision  postern  msg_\w+  outcome=rejected_at_content_guard /);
    expect(out).toContain(message);
    expect((await postern(["audit", "list", "--mailbox", mailbox, "--json"])).json).toEqual(
      (await rig.call("GET", `/v1/audit?mailbox_id=${mailbox}`)).body,
    );
    const narrow = await postern(["audit", "list", "--mailbox", mailbox], { columns: 80 });
    for (const line of narrow.out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(narrow.out).toContain(message);
    expect((await postern(["audit", "list", "--mailbox", mailbox, "--kind", "email.sent"])).out).toBe("no entries\n");
    expect(await postern(["audit", "list", "--kind", "email.eaten"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("email.sent") as string,
    });
  });

  it("an agent's key is told nothing about decisions: 4", async () => {
    const { id: mailbox } = await rig.mailbox();
    const key = await rig.key(["read"], [mailbox]);
    expect((await postern(["decisions", "list", "--mailbox", mailbox], { key })).code).toBe(4);
  });
});

describe("errors", () => {
  it("an unknown key is 4, a service that is not there 3, both with the way out", async () => {
    const unknown = await postern(["mailbox", "list"], { key: "pst_live_unknown" });
    expect(unknown).toMatchObject({ code: 4, out: "" });
    expect(unknown.err).toMatch(/^error: .*\nfix: .*\n$/);
    const gone = await postern(["mailbox", "list", "--json"], { env: { POSTERN_URL: "http://127.0.0.1:1" } });
    expect(gone).toMatchObject({ code: 3, out: "" });
    expect(errorOf(gone)).toMatchObject({ code: "unavailable", fix: expect.stringContaining("npm start") as string });
  });

  it("no key is printed by any error", async () => {
    for (const argv of [
      ["mailbox", "show", "mbx_0000000000000000"],
      ["tenant", "create", ""],
      ["mailbox", "list", "--cursor", "x"],
    ]) {
      const { err } = await postern(argv, { key: "pst_live_canarycanarycanary" });
      expect(err).not.toContain("canary");
    }
  });
});
