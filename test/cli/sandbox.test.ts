import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { width } from "../../src/cli/text.ts";
import { ADMIN_KEY, Instance } from "../support/instance.ts";
import { cli, type Ran, type RunOptions } from "./rig.ts";

// Against a whole instance without a relay: what is sent stays in its sink.

let instance: Instance;
let folder: string;
let mailbox: string;
let agent: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
  instance = await Instance.start();
  mailbox = await instance.mailbox("assistant@acme.example", { defaultAction: "bounce", senders: [] });
  const { json } = await postern(["mailbox", "mode-code", mailbox, "autonomous", "--json"]);
  await postern(["mailbox", "mode", mailbox, "autonomous", "--code", json.mode_code as string]);
  const made = await postern(["key", "create", "agent", "--scope", "read", "--scope", "send", "--mailbox", mailbox, "--json"]);
  agent = made.json.key as string;
});
afterAll(async () => {
  await instance?.close();
  await rm(folder, { recursive: true });
});

function postern(argv: readonly string[], { key = ADMIN_KEY, ...options }: RunOptions & { readonly key?: string } = {}): Promise<Ran> {
  return cli(argv, { ...options, env: { POSTERN_URL: instance.running.http, POSTERN_KEY: key, NO_COLOR: "1" } });
}

async function sent(to: string, text: string): Promise<string> {
  const argv = ["send", "--to", to, "--bcc", "eve@elsewhere.example", "--subject", "Friday", "--markdown", "-", "--json"];
  const { json } = await postern(argv, { key: agent, stdin: text });
  for (;;) {
    const shown = await postern(["drafts", "show", json.id as string, "--json"]);
    if (shown.json.status === "sent") return json.id as string;
    await pause(50);
  }
}

describe("sink", () => {
  it("MB-13 lists, shows and gives out what would have left; an agent's key sees none: 4", async () => {
    expect((await postern(["sink", "list"])).out).toBe("nothing\n");
    const draft = await sent("ann@elsewhere.example", "Meet at noon?");
    const listed = await postern(["sink", "list", "--mailbox", "assistant@acme.example"]);
    expect(listed.out).toMatch(
      /^ID +SENT \(UTC\) +FROM +TO +BYTES\nsnk_\w+ +\S+ \S+ +assistant@acme\.example +ann@elsewhere\.example eve@elsewhere\.example +\d+\n$/,
    );
    expect((await postern(["drafts", "show", draft])).out).toMatch(
      /\nann@elsewhere\.example +accepted at attempt 1, [^:]+:\d\d:\d\dZ: 250 2\.0\.0 kept in the sandbox\n/,
    );
    const { json } = await postern(["drafts", "show", draft, "--json"]);
    const why = await postern(["decisions", "explain", json.decision_id as string]);
    expect(why.out).toMatch(/\n✓ caps +.*; charged 1 message per mailbox\n/);
    const id = /snk_\w+/.exec(listed.out)![0];
    const shown = await postern(["sink", "show", id], { columns: 80 });
    expect(shown.out).toMatch(new RegExp(`^id +${id}\\ndraft +${draft}\\n`));
    expect(shown.out).toMatch(/\nenvelope +from <assistant@acme\.example> to <ann@elsewhere\.example>\n +<eve@elsewhere\.example>\n/);
    expect(shown.out).toMatch(/\nHeader\n {2}│ DKIM-Signature: [\s\S]*\n {2}│ Subject: Friday\n[\s\S]*\nText\n {2}│ Meet at noon\?\n$/);
    expect(shown.out.split("\n").filter((line) => width(line) > 80)).toEqual([]);
    const file = join(folder, "sent.eml");
    expect((await postern(["sink", "raw", id, "--output", file])).code).toBe(0);
    expect((await postern(["sink", "raw", id])).out).toBe(await readFile(file, "utf8"));
    expect((await postern(["sink", "list"], { key: agent })).code).toBe(4);
    expect((await postern(["sink", "show", "snk_0000000000000000"])).code).toBe(5);
  });
});

describe("suppressions", () => {
  it("PB-19 PB-20 an address is not written to from add to remove", async () => {
    const made = await postern(["suppressions", "add", "Gone@Elsewhere.Example"]);
    expect(made.out).toMatch(
      /^id +sup_\w+\naddress +gone@elsewhere\.example\nreason +manual\nentered by +key:key_\w+\nsince +\S+ \S+\nuntil +for good\n$/,
    );
    expect((await postern(["suppressions", "list"])).out).toMatch(
      /^ID +ADDRESS +REASON +UNTIL\nsup_\w+ +gone@elsewhere\.example +manual +for good\n$/,
    );
    const argv = ["send", "--to", "gone@elsewhere.example", "--subject", "x", "--markdown", "-"];
    expect((await postern(argv, { key: agent, stdin: "x" })).code).toBe(4);
    const removed = await postern(["suppressions", "remove", "GONE@elsewhere.example", "--json"]);
    expect(removed).toMatchObject({ code: 0, json: { address: "gone@elsewhere.example", ended_at: expect.any(String) as string } });
    expect((await postern(["suppressions", "list"])).out).toBe("nobody\n");
    expect((await postern(argv, { key: agent, stdin: "x" })).code).toBe(0);
    expect((await postern(["suppressions", "remove", "gone@elsewhere.example"])).code).toBe(5);
  });

  it("a hard bounce ends by itself; an end in the past, no address and an agent's key are refused", async () => {
    const made = await postern(["suppressions", "add", "full@elsewhere.example", "--reason", "HardBounce", "--json"]);
    const { created_at, expires_at, id } = made.json as Record<string, string>;
    expect(Date.parse(expires_at!) - Date.parse(created_at!)).toBe(30 * 86_400_000);
    const longer = ["suppressions", "add", "full@elsewhere.example", "--until", "2099-01-01T01:00:00+01:00", "--json"];
    expect((await postern(longer)).json).toMatchObject({ id, expires_at: "2099-01-01T00:00:00.000Z" });
    expect((await postern(["suppressions", "remove", id!])).code).toBe(0);
    expect((await postern(["suppressions", "add", "a@b.example", "--until", "2020-01-01T00:00:00Z"])).code).toBe(2);
    expect((await postern(["suppressions", "add", "a@b.example", "--until", "tomorrow"])).code).toBe(2);
    expect((await postern(["suppressions", "add", "nobody"])).code).toBe(2);
    expect((await postern(["suppressions", "remove", "nobody"])).code).toBe(2);
    expect((await postern(["suppressions", "add", "a@b.example"], { key: agent })).code).toBe(4);
  });
});
