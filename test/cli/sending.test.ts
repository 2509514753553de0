import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simpleParser } from "mailparser";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Draft, type Mailbox, OutboundWorld } from "../outbound/world.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { cli, errorOf, type Ran, type RunOptions } from "./rig.ts";

// The commands against a whole instance: real door, real Temporal, real store, a real SMTP receiver.

const boss = makeSigner("boss.example", "192.0.2.1");
const LETS_IN = { senders: [{ match: { address: "boss@boss.example", requireDkim: true }, capabilities: ["read_calendar"] }] };

let world: OutboundWorld;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
  world = await OutboundWorld.open({ signers: [boss] });
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.script = () => undefined;
});

function postern(argv: readonly string[], { key = ADMIN_KEY, ...options }: RunOptions & { readonly key?: string } = {}): Promise<Ran> {
  return cli(argv, { ...options, env: { POSTERN_URL: world.postern.running.http, POSTERN_KEY: key } });
}

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

const letter = ({ address }: Mailbox, ...more: readonly string[]): string[] => [
  ...["send", "--mailbox", address, "--to", "ann@elsewhere.example", "--subject", "Friday at noon"],
  ...more,
];

describe("send", () => {
  it("MB-13 submits Markdown, copies and attachments, and the mail leaves", async () => {
    const mailbox = await world.mailbox("autonomous");
    const path = await file("plan.csv", "day,hour\nFriday,12\n");
    const more = ["--cc", "Bob <bob@elsewhere.example>", "--bcc", "eve@elsewhere.example", "--markdown", "-", "--attach", path, "--json"];
    const ran = await postern(letter(mailbox, ...more), { key: mailbox.agent.key, stdin: "Shall we meet on **Friday**?" });
    expect(ran).toMatchObject({ code: 0, err: "", json: { status: "queued", reason: "mode_autonomous" } });
    expect(await world.ended(ran.json as Draft)).toEqual({ state: "sent" });
    const [taken] = world.peer.taken;
    expect(taken?.recipients).toEqual(["ann@elsewhere.example", "bob@elsewhere.example", "eve@elsewhere.example"]);
    const mail = await simpleParser(taken!.content);
    expect(mail).toMatchObject({ subject: "Friday at noon", html: expect.stringContaining("<strong>Friday</strong>") as string });
    expect(mail.attachments).toEqual([
      expect.objectContaining({ filename: "plan.csv", contentType: "text/csv", content: Buffer.from("day,hour\nFriday,12\n") }),
    ]);
  });

  it("MM-03 what waits for people is 0, says so, and how they see it", async () => {
    const mailbox = await world.mailbox("gated_send");
    const ran = await postern(letter(mailbox, "--text", await file("note.txt", "See you.")), { key: mailbox.agent.key });
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^id +drf_\w+\nstatus +pending_send_approval\nreason +mode gated send\n/);
    expect(ran.err).toMatch(/^note: it waits for people: `postern pending show drf_\w+`/);
    const id = /drf_\w+/.exec(ran.out)![0] as Draft["id"];
    expect(await postern(["drafts", "list", "--mailbox", mailbox.address, "--status", "pending_send_approval"])).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^ID .*\\n${id} .* ann@elsewhere.example +Friday at noon\\n$`)) as string,
    });
    expect((await postern(["drafts", "list", "--mailbox", mailbox.address, "--status", "sent"])).out).toBe("no drafts\n");
    const cancelled = await postern(["drafts", "cancel", id, "--json"], { key: mailbox.agent.key });
    expect(cancelled).toMatchObject({ code: 0, json: { id, status: "cancelled" } });
    expect((await postern(["drafts", "cancel", id], { key: mailbox.agent.key })).code).toBe(6);
    expect((await postern(["drafts", "show", id])).out).toMatch(/\nstatus +cancelled\n/);
    expect(world.peer.taken).toEqual([]);
  });

  it("NY-12 the same idempotency key is one draft, another draft under it is 6", async () => {
    const mailbox = await world.mailbox("gated_send");
    const note = await file("same.md", "once");
    const submit = (...more: readonly string[]) =>
      postern(letter(mailbox, "--markdown", note, "--idempotency-key", "order-4711", "--json", ...more), { key: mailbox.agent.key });
    const first = await submit();
    expect((await submit()).json.id).toBe(first.json.id);
    const other = await submit("--cc", "bob@elsewhere.example");
    expect({ code: other.code, error: errorOf(other).code }).toEqual({ code: 6, error: "idempotency_conflict" });
  });

  it("NY-12 one that is not answered says how to run it again, so that nobody gets it twice", async () => {
    const keys: unknown[] = [];
    const deaf = createServer((request, answer) => {
      keys.push(request.headers["idempotency-key"]);
      answer.destroy();
    });
    await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
    const { port } = deaf.address() as AddressInfo;
    const argv = ["send", "--mailbox", "mbx_7w3v9k2m5q8r1t4x6z0b2d4f", "--to", "a@b.example", "--subject", "x", "--markdown", "-"];
    const ran = await cli(argv, { stdin: "x", env: { POSTERN_URL: `http://127.0.0.1:${port}`, POSTERN_KEY: "k" } });
    deaf.close();
    expect(ran.code).toBe(3);
    expect(keys).toHaveLength(1);
    expect(ran.err).toContain(`fix: run it again with \`--idempotency-key ${String(keys[0])}\`: nobody gets it twice\n`);
  });

  it("MM-02 X-22 a blocked draft is 4, with the ids of the draft and of its decision", async () => {
    const mailbox = await world.mailbox("autonomous", { block: ["elsewhere.example"] });
    const ran = await postern(letter(mailbox, "--markdown", await file("b.md", "b")), { key: mailbox.agent.key });
    expect(ran).toMatchObject({ code: 4, out: "" });
    expect(ran.err).toMatch(/^error: the draft was blocked: `block_list`\n +to `ann@elsewhere\.example` must not be written to\n/);
    expect(ran.err).toMatch(/\n +decision id: dec_\w+\n/);
    const shown = await postern(["drafts", "show", /drf_\w+/.exec(ran.err)![0], "--json"]);
    expect(shown.json).toMatchObject({ status: "blocked", reason: "block_list" });
  });

  it("NY-13 a full window is 3 and says when to try again", async () => {
    const mailbox = await world.mailbox("autonomous", { perHour: 1 });
    const argv = letter(mailbox, "--markdown", await file("w.md", "w"), "--json");
    expect((await postern(argv, { key: mailbox.agent.key })).code).toBe(0);
    const full = await postern(argv, { key: mailbox.agent.key });
    expect(full.code).toBe(3);
    expect(JSON.parse(full.err)).toMatchObject({ error: { code: "too_many_requests", reason: "send_limit_per_hour" } });
    expect((JSON.parse(full.err) as { error: { retry_after_s: number } }).error.retry_after_s).toBeGreaterThan(3_000);
  });

  it("NY-14 a dry run leaves nothing behind: 0 where it would go, 1 where it would not", async () => {
    const mailbox = await world.mailbox("autonomous", { block: ["bad.example"] });
    const path = await file("d.md", "d");
    const goes = await postern(letter(mailbox, "--markdown", path, "--dry-run"), { key: mailbox.agent.key });
    expect(goes).toMatchObject({ code: 0, err: "" });
    expect(goes.out).toMatch(/^status +dry run: .*\noutcome +queued\n[\s\S]*\nwould go to +ann@elsewhere\.example\n/);
    const not = await postern(letter(mailbox, "--to", "x@bad.example", "--markdown", path, "--dry-run", "--json"), {
      key: mailbox.agent.key,
    });
    expect(not).toMatchObject({ code: 1, json: { status: "dry_run", would_send_to: [], decision: { outcome: "blocked" } } });
    expect((await postern(["drafts", "list", "--mailbox", mailbox.address])).out).toBe("no drafts\n");
  });

  it("--at keeps it until then, in UTC", async () => {
    const mailbox = await world.mailbox("autonomous");
    const at = new Date(Date.now() + 86_400_000).toISOString().replace(/\..*/, "+00:00");
    const ran = await postern(letter(mailbox, "--markdown", await file("at.md", "at"), "--at", at, "--json"), { key: mailbox.agent.key });
    expect(ran.json).toMatchObject({ status: "queued", send_at: new Date(at).toISOString() });
    expect(await postern(["drafts", "cancel", ran.json.id])).toMatchObject({ code: 0 });
  });

  it.each<[string, readonly string[], RegExp]>([
    ["no text", ["--to", "a@b.example", "--subject", "x"], /the draft says nothing/],
    ["nobody", ["--subject", "x", "--markdown", "-"], /goes to nobody/],
    ["no subject", ["--to", "a@b.example", "--markdown", "-"], /has no subject/],
    ["one input for two texts", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--text", "-"], /cannot be both/],
    ["a file that is not there", ["--to", "a@b.example", "--subject", "x", "--markdown", "/nowhere/x"], /cannot be read \(ENOENT\)/],
    ["a time without a zone", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--at", "2026-11-23T08:00"], /with its zone/],
    ["no time at all", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--at", "tomorrow"], /with its zone/],
    ["a day that is none", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--at", "2026-02-31T08:00:00Z"], /with its zone/],
    ["too far off", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--at", "2999-01-01T00:00:00Z"], /send_at/],
    ["too much attached", ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--attach", "BIG"], /over 10 MiB/],
    [
      "an attachment that a click would run",
      ["--to", "a@b.example", "--subject", "x", "--markdown", "-", "--attach", "EXE"],
      /attachments\[0\]/,
    ],
    ["somebody who is no address", ["--to", "nobody", "--subject", "x", "--markdown", "-"], /cannot be composed/],
  ])("%s is 2, before anything is submitted", async (_, argv, expected) => {
    const mailbox = await world.mailbox("autonomous");
    const files: Record<string, string> = { BIG: await file("big.bin", Buffer.alloc(11 * 1024 * 1024)), EXE: await file("x.exe", "MZ") };
    const ran = await postern(["send", "--mailbox", mailbox.id, ...argv.map((word) => files[word] ?? word)], {
      key: mailbox.agent.key,
      stdin: "text",
    });
    expect(ran).toMatchObject({ code: 2, out: "" });
    expect(ran.err).toMatch(expected);
    expect((await postern(["drafts", "list", "--mailbox", mailbox.id])).out).toBe("no drafts\n");
  });

  it("text that is not UTF-8 is refused, not guessed at", async () => {
    const mailbox = await world.mailbox("autonomous");
    const ran = await postern(letter(mailbox, "--markdown", "-"), { key: mailbox.agent.key, stdin: Buffer.from([0x67, 0x72, 0xfc, 0xdf]) });
    expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("standard input is not UTF-8 text") as string });
  });
});

describe("reply", () => {
  it("MB-15 answers the sender in the thread", async () => {
    const mailbox = await world.mailbox("autonomous", {}, LETS_IN);
    const bytes = await sign(write({ from: "boss@boss.example", to: mailbox.address, subject: "Lunch?" }), boss);
    const told = await world.postern.deliver({ sender: "boss@boss.example", recipient: mailbox.address, ip: boss.ip, bytes });
    const message = /msg_\w+/.exec(told.text)![0];
    const ran = await postern(["reply", message, "--markdown", "-", "--json"], { key: mailbox.agent.key, stdin: "Friday suits me." });
    expect(ran).toMatchObject({
      code: 0,
      json: { to: ["boss@boss.example"], subject: "Re: Lunch?", in_reply_to: message, thread_id: message.replace("msg_", "thr_") },
    });
    expect(await world.ended(ran.json as Draft)).toEqual({ state: "sent" });
    expect((await postern(["reply", "msg_0000000000000000", "--markdown", "-"], { key: mailbox.agent.key, stdin: "x" })).code).toBe(5);
  });
});

describe("modes", () => {
  it("MM-28 down is free, up takes an operator's code once: 4 without", async () => {
    const mailbox = await world.mailbox("gated_send");
    expect(await postern(["mailbox", "mode", mailbox.address, "gated_all", "--json"])).toMatchObject({
      code: 0,
      json: { oversight_mode: "gated_all" },
    });
    const without = await postern(["mailbox", "mode", mailbox.address, "monitored"]);
    expect(without).toMatchObject({ code: 4, err: expect.stringMatching(/needs an operator's code/) as string });
    const made = await postern(["mailbox", "mode-code", mailbox.address, "monitored"]);
    expect(made).toMatchObject({ code: 0, err: expect.stringMatching(/shown this once/) as string });
    const code = /\ncode +(\S+)\n/.exec(made.out)![1]!;
    const up = (options: RunOptions = {}) =>
      postern(["mailbox", "mode", mailbox.id, "monitored", "--code", "-", "--copy-to", "eye@elsewhere.example"], {
        stdin: `${code}\n`,
        ...options,
      });
    expect((await up()).out).toMatch(/\nmode +monitored\ncopies to +eye@elsewhere\.example\n/);
    await postern(["mailbox", "mode", mailbox.id, "gated_send"]);
    expect((await up()).code).toBe(4);
    expect((await up({ stdin: "\n" })).code).toBe(2);
    const short = await up({ stdin: "4k7m\n" });
    expect(short).toMatchObject({ code: 2, err: expect.stringContaining("is not a whole code") as string });
  });

  it("MM-07 a mode that does not exist is 2, an agent's key may change none: 4", async () => {
    const mailbox = await world.mailbox("gated_send");
    expect(await postern(["mailbox", "mode", mailbox.id, "free"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/Allowed choices/) as string,
    });
    expect((await postern(["mailbox", "mode", mailbox.id, "read_only"], { key: mailbox.agent.key })).code).toBe(4);
  });

  it("MM-01 a mailbox is made in the mode that is asked for", async () => {
    const made = await postern(["mailbox", "create", "intake@acme.example", "--oversight-mode", "gated_all", "--json"]);
    expect(made).toMatchObject({ code: 0, json: { oversight_mode: "gated_all" } });
  });
});

describe("stop and start", () => {
  it("X-27 nothing leaves while it is stopped, and what waited leaves afterwards", async () => {
    const mailbox = await world.mailbox("gated_send");
    const draft = await world.send(mailbox);
    // It waits for people, so nothing of it was about to leave.
    const stopped = await postern(["stop", "--mailbox", mailbox.address]);
    expect(stopped).toMatchObject({ code: 0, out: "stopped; 0 drafts under way held back\n" });
    expect((await postern(["stops"])).out).toMatch(new RegExp(`^WHAT +ID +SINCE\\nmailbox +${mailbox.id} +\\d{4}-`));
    const show = async () => (await postern(["mailbox", "show", mailbox.address])).out;
    expect(await show()).toMatch(/\nstopped +nothing leaves: it is stopped \(`postern start --mailbox`\)\n/);
    const { key } = await world.person(["oversight"]);
    expect((await postern(["pending", "approve", draft.id], { key })).code).toBe(0);
    await world.until(mailbox, draft, "queued");
    expect((await postern(letter(mailbox, "--markdown", "-"), { key: mailbox.agent.key, stdin: "x" })).code).toBe(4);
    expect(await postern(["start", "--mailbox", mailbox.id, "--json"])).toMatchObject({ code: 0, json: { stopped: false, drafts: 1 } });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect((await postern(["stops"])).out).toBe("nothing is stopped\n");
    expect(await show()).not.toContain("stopped");
  });

  it("X-27 the agent and the tenant have their own switches; one of the three must be named: 2", async () => {
    for (const target of [["--agent", "assistant"], ["--tenant"]]) {
      expect(await postern(["stop", ...target, "--json"])).toMatchObject({ code: 0, json: { stopped: true } });
      expect((await postern(["stops", "--json"])).json.items).toEqual([expect.objectContaining({ kind: target[0]!.slice(2) })]);
      expect((await postern(["start", ...target])).code).toBe(0);
    }
    expect((await postern(["stop"])).code).toBe(2);
    expect((await postern(["stop", "--tenant", "--agent", "assistant"])).code).toBe(2);
    const mailbox = await world.mailbox("gated_send");
    expect((await postern(["stop", "--mailbox", mailbox.id], { key: mailbox.agent.key })).code).toBe(4);
  });
});
