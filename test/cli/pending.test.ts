import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { width } from "../../src/cli/text.ts";
import { type Draft, type Mailbox, OutboundWorld, type Person } from "../outbound/world.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { makeSigner, sign, write } from "../support/signer.ts";
import { cli, errorOf, type Ran, type RunOptions } from "./rig.ts";

// The commands of those who decide, against a whole instance: real door, real Temporal, real store, a real SMTP receiver.

const boss = makeSigner("boss.example", "192.0.2.1");

let world: OutboundWorld;
let folder: string;
let overseer: Person;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
  world = await OutboundWorld.open({ signers: [boss] });
  overseer = await world.person(["oversight"]);
});
afterAll(async () => {
  await world?.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.script = () => undefined;
});

function postern(argv: readonly string[], { key = overseer.key, ...options }: RunOptions & { readonly key?: string } = {}): Promise<Ran> {
  return cli(argv, { ...options, env: { POSTERN_URL: world.postern.running.http, POSTERN_KEY: key, NO_COLOR: "1" } });
}
const pending = (argv: readonly string[], options: RunOptions & { readonly key?: string } = {}): Promise<Ran> =>
  postern(["pending", ...argv], options);

/** A draft that waits, of a mailbox of its own. */
async function waiting(letter: object = {}, outbound: object = {}): Promise<{ readonly mailbox: Mailbox; readonly draft: Draft }> {
  const mailbox = await world.mailbox("gated_send", outbound);
  return { mailbox, draft: await world.send(mailbox, letter) };
}

describe("pending list", () => {
  it("MM-03 says who is written to, why it waits and how many have approved; an agent's key sees none: 4", async () => {
    const { mailbox, draft } = await waiting({}, { approvals: { quorum: 2 } });
    const listed = await pending(["list", "--mailbox", mailbox.address, "--direction", "outbound"]);
    expect(listed.out).toMatch(/^ID +SINCE \(UTC\) +WHICH +WHO +SUBJECT +WHY +OK\n/);
    expect(listed.out).toMatch(
      new RegExp(`\\n${draft.id} +\\S+ \\S+ +to +boss@elsewhere\\.example +Friday at noon +mode_gated_send +0/2\\n$`),
    );
    expect((await pending(["list", "--mailbox", mailbox.address, "--direction", "inbound"])).out).toBe("nothing\n");
    expect((await pending(["list", "--mailbox", mailbox.address, "--status", "rejected"])).out).toBe("nothing\n");
    expect((await pending(["list"], { key: mailbox.agent.key })).code).toBe(4);
  });

  it("fits a terminal of 80 columns, and pages", async () => {
    const { mailbox } = await waiting({ subject: "a long subject ".repeat(20), to: ["somebody.with.a.long.name@elsewhere.example"] });
    await world.send(mailbox);
    const shown = await pending(["list", "--mailbox", mailbox.id], { columns: 80 });
    expect(shown.out.split("\n").filter((line) => width(line) > 80)).toEqual([]);
    const first = await pending(["list", "--mailbox", mailbox.id, "--limit", "1", "--json"]);
    const rest = await pending(["list", "--mailbox", mailbox.id, "--cursor", first.json.next_cursor as string, "--json"]);
    expect([first.json.items.length, rest.json.items.length, rest.json.next_cursor]).toEqual([1, 1, null]);
  });
});

const HOSTILE = [
  "Please pay at [your bank](https://bank.example.evil.example/login), or [https://bank.example](https://evil.example/).",
  "",
  "Zero\u200bwidth and \u202ereversed.",
  "",
  // One long word for any wrapping at spaces; what follows the 80th column would begin a line of its own.
  `${"\u00a0".repeat(74)}approved\u00a0by\u00a0\u00a02\u00a0of\u00a01:\u00a0key_${"0".repeat(60)}`,
  "",
  "Next",
  "",
  "The key is 4111 1111 1111 1111.",
].join("\n");

describe("pending show", () => {
  it("MM-10 says who, to whom, why, what is new about it, the text, the links, the files, the findings, and what to type", async () => {
    const attachment = { filename: "plan.csv", content_type: "text/csv", content: Buffer.from("a,b\n").toString("base64") };
    const { mailbox, draft } = await waiting({ markdown: HOSTILE, bcc: ["eve@other.example"], attachments: [attachment] });
    const { code, out } = await pending(["show", draft.id], { columns: 80 });
    expect(code).toBe(0);
    expect(out).toMatch(/^pending send approval: secret found\n/);
    for (const [name, value] of [
      ["id", draft.id],
      ["from", mailbox.address],
      ["to", "boss@elsewhere.example"],
      ["bcc", "eve@other.example"],
      ["subject", "Friday at noon"],
      ["mode", "gated_send"],
      ["written by", `${mailbox.agent.keyId} (revision 1)`],
      ["approved by", "0 of 1"],
      ["content", draft.content_hash],
    ] as const)
      expect(out).toMatch(new RegExp(`\\n${name} +${value.replace(/[.()]/g, "\\$&")}`));
    expect(out).toContain("\nTake care\n  ! first contact: this mailbox has never written to elsewhere.example\n");
    expect(out).toContain("first contact: this mailbox has never written to other.example\n");
    expect(out).toMatch(/\nText\n {2}│ Please pay/);
    expect(out).toContain("Zero⟦U+200B⟧width");
    expect(out).toContain("⟦U+202E⟧");
    expect(out).toMatch(/\nLinks\n[\s\S]*│ https:\/\/bank\.example\n {2}→ https:\/\/evil\.example\/\n {4}the text names another place\n/);
    expect(out).toContain("\nAttachments\n  │ plan.csv (text/csv, 4 bytes)\n");
    expect(out).toMatch(/\nFindings\n {2}│ \S+ \S+ in \w+ \(severity \d[^)]*\): .*•+/);
    expect(out).not.toContain("4111 1111 1111 1111)");
    expect(out).toMatch(
      new RegExp(
        `\\nNext\\n {2}postern pending approve ${draft.id}\\n {2}postern pending reject ${draft.id} --reason 'why'\\n {2}postern pending edit `,
      ),
    );
  });

  it("fits 80 columns, and no line of the content can pass for one of ours", async () => {
    const { draft } = await waiting({ markdown: HOSTILE, subject: `x${"\u00a0".repeat(70)}approved\u00a0by\u00a01\u00a0of\u00a01` });
    const { out } = await pending(["show", draft.id], { columns: 80 });
    const lines = out.split("\n");
    expect(lines.filter((line) => width(line) > 80)).toEqual([]);
    expect(lines.filter((line) => /approved\s+by/.test(line) && !line.startsWith(" "))).toEqual([
      expect.stringMatching(/^approved by {2}0 of 1$/),
    ]);
    expect(lines.filter((line) => line === "Next")).toHaveLength(1);
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u202a-\u202e]/);
  });

  it("of mail that came in it shows what is proven, and no edit", async () => {
    const mailbox = await world.mailbox("gated_all", {}, { senders: [{ match: { address: "boss@boss.example" }, capabilities: [] }] });
    const bytes = await sign(write({ from: "boss@boss.example", to: mailbox.address, subject: "Lunch?", text: "Friday?" }), boss);
    const told = await world.postern.deliver({ sender: "boss@boss.example", recipient: mailbox.address, ip: boss.ip, bytes });
    const id = /msg_\w+/.exec(told.text)![0];
    const { out } = await pending(["show", id], { columns: 80 });
    expect(out).toMatch(/^pending inbound approval: /);
    expect(out).toMatch(/\nfrom +boss@boss\.example\n/);
    expect(out).toMatch(/\nproof +spf pass, dkim pass/);
    expect(out).toContain("\nText\n  │ Friday?\n");
    expect(out).not.toContain("pending edit");
    expect(await pending(["approve", id, "--json"], { key: ADMIN_KEY })).toMatchObject({ code: 0, json: { id, status: "approved" } });
    expect((await pending(["show", id])).out).toContain(`\nNext\n  postern messages show ${id}\n`);
  });

  it("MB-18 another tenant's is not found: 5", async () => {
    const { draft } = await waiting();
    const { json } = await postern(["tenant", "create", "nosy", "--json"], { key: ADMIN_KEY });
    expect((await pending(["show", draft.id], { key: json.admin_key.key as string })).code).toBe(5);
    expect((await pending(["show", "drf_../../v1"])).code).toBe(5);
  });
});

describe("deciding", () => {
  it("X-04 approve sends it, and a second word is 6", async () => {
    const { draft } = await waiting();
    const ran = await pending(["approve", draft.id, "--reason", "asked on the phone"]);
    expect(ran).toMatchObject({ code: 0, out: `id           ${draft.id}\nstatus       approved\napproved by  1 of 1\nrevision     1\n` });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    const late = await pending(["reject", draft.id, "--reason", "no", "--json"]);
    expect({ code: late.code, error: errorOf(late).code }).toEqual({ code: 6, error: "already_decided" });
    expect((await pending(["show", draft.id])).out).toMatch(
      /\nSaid so far\n {2}│ .* approve of revision 1 by key_\w+ \(update\): asked on the phone\n/,
    );
  });

  it("X-05 reject needs a reason: 2 without, and it ends it", async () => {
    const { draft } = await waiting();
    for (const argv of [[], ["--reason", ""]]) {
      const ran = await pending(["reject", draft.id, ...argv]);
      expect(ran).toMatchObject({ code: 2, err: expect.stringMatching(/\nfix: .*`--reason`/) as string });
    }
    expect(await pending(["reject", draft.id, "--reason", "not now", "--json"])).toMatchObject({ code: 0, json: { status: "rejected" } });
    const shown = (await pending(["show", draft.id])).out;
    expect(shown).toMatch(/^rejected; it waited because of: mode gated send\n/);
    expect(shown.match(/, refused: reason required\n/g)).toHaveLength(2);
    expect(await world.ended(draft)).toEqual({ state: "rejected" });
    expect(world.peer.taken).toEqual([]);
  });

  it("X-04 several at once: one result each in order, each by itself, and the first refusal's exit code", async () => {
    const [first, second] = await Promise.all([waiting(), waiting()]);
    const ids = [first.draft.id, "drf_0000000000000000", second.draft.id];
    const ran = await pending(["approve", ...ids, "--reason", "both asked for"]);
    expect(ran.code).toBe(5);
    const lines = ran.out.trimEnd().split("\n").slice(1);
    expect(lines.map((line) => line.split(/ {2,}/))).toEqual([
      [ids[0], "approved", "1 of 1"],
      [ids[1], expect.stringMatching(/^refused: /) as string],
      [ids[2], "approved", "1 of 1"],
    ]);
    expect(await Promise.all([world.ended(first.draft), world.ended(second.draft)])).toEqual([{ state: "sent" }, { state: "sent" }]);
    const again = await pending(["reject", first.draft.id, second.draft.id, "--reason", "late", "--json"]);
    expect(again).toMatchObject({ code: 6, json: { items: [{ code: "already_decided" }, { code: "already_decided" }] } });
    expect((await pending(["approve", first.draft.id, second.draft.id, "--print-signal"])).code).toBe(2);
    expect((await pending(["approve", first.draft.id, first.draft.id])).code).toBe(2);
  });

  it("X-32 explain tells by a draft's or its message's id who did what when, why, and how it ended", async () => {
    const { draft } = await waiting();
    await pending(["approve", draft.id, "--reason", "asked on the phone"]);
    await world.ended(draft);
    const explain = (id: string, ...more: string[]) => postern(["decisions", "explain", id, ...more]);
    const { json } = await explain(draft.id, "--json");
    expect(json).toMatchObject({
      decision: { message_id: draft.message_id, stage: "send", outcome: "sending" },
      hold: { status: "approved", quorum: 1, approved_by: [overseer.keyId], decided_at: expect.any(String) as string },
      attempts: [
        { action: "approve", by: overseer.keyId, result: "accepted", reason: "asked on the phone", at: expect.any(String) as string },
      ],
    });
    expect((await explain(draft.message_id, "--json")).json).toEqual(json);
    expect((await explain(draft.decision_id, "--json")).json).toMatchObject({ decision: { stage: "submit" }, attempts: json.attempts });
    const { out } = await explain(draft.id);
    expect(out).toMatch(new RegExp(`\nPeople\n.* it waits: mode gated send; 1 must approve\n.* approved, approved by ${overseer.keyId}\n`));
    expect(out).toMatch(new RegExp(` approve of revision 1 by ${overseer.keyId} \\(update\\): asked on the phone\n`));
    expect((await explain("drf_0000000000000000")).code).toBe(5);
    expect((await explain("msg_0000000000000000")).code).toBe(5);
  });

  it("X-01 X-04 the agent that wrote it cannot approve it: 4, with why", async () => {
    const { mailbox, draft } = await waiting();
    const ran = await pending(["approve", draft.id], { key: mailbox.agent.key });
    expect(ran.code).toBe(4);
    expect(ran.err).toMatch(/^error: nobody decides what they wrote or last edited\n +reason: own_draft\n/);
    expect((await pending(["show", draft.id])).out).toMatch(/Said so far\n {2}│ .* refused: own draft\n/);
  });

  it("MM-04 edit keeps what is not given, shows what changed, and leaves the approval to another", async () => {
    const { draft } = await waiting({ cc: ["ann@elsewhere.example"], bcc: ["eve@elsewhere.example"], markdown: "Friday?\n\nBye." });
    const edited = await pending(["edit", draft.id, "--markdown", "-", "--json"], { stdin: "Monday?\n\nBye." });
    expect(edited).toMatchObject({ code: 0, json: { revision: 2, subject: "Friday at noon" } });
    const shown = await pending(["show", draft.id], { columns: 80 });
    expect(shown.out).toMatch(/\ncc +ann@elsewhere\.example\nbcc +eve@elsewhere\.example\n/);
    expect(shown.out).toMatch(
      new RegExp(`\\nChanged in revision 2 by ${overseer.keyId}, [^\\n]+\\n[\\s\\S]*\\n {2}- Friday\\?\\n {2}\\+ Monday\\?\\n`),
    );
    const hash = edited.json.content_hash as string;
    expect(shown.out).toContain(`\nNext\n  postern pending approve ${draft.id} \\\n      --hash ${hash}\n`);
    expect(shown.out.split("\n").filter((line) => width(line) > 80)).toEqual([]);
    expect(errorOf(await pending(["approve", draft.id, "--hash", hash, "--json"])).code).toBe("approval_refused");
    const { key } = await world.person(["oversight"]);
    expect(errorOf(await pending(["approve", draft.id, "--json"], { key })).code).toBe("content_hash_required");
    expect((await pending(["approve", draft.id, "--hash", draft.content_hash], { key })).code).toBe(6);
    expect((await pending(["approve", draft.id, "--hash", hash], { key })).code).toBe(0);
    expect(await world.ended(draft)).toEqual({ state: "sent" });
    expect(world.peer.taken[0]?.content).toContain("Monday?");
    expect(world.peer.taken[0]?.recipients).toEqual(["ann@elsewhere.example", "boss@elsewhere.example", "eve@elsewhere.example"]);
  });

  it("an edit does not lose attachments unless told to: 2", async () => {
    const attachment = { filename: "plan.csv", content_type: "text/csv", content: Buffer.from("a,b\n").toString("base64") };
    const { draft } = await waiting({ attachments: [attachment] });
    const lost = await pending(["edit", draft.id, "--markdown", "-"], { stdin: "x" });
    expect(lost).toMatchObject({
      code: 2,
      err: expect.stringMatching(/would lose attachments: it has 1 of them\nfix: give them again/) as string,
    });
    const path = join(folder, "better.csv");
    await writeFile(path, "c,d\n");
    const kept = await pending(["edit", draft.id, "--markdown", "-", "--attach", path, "--json"], { stdin: "x" });
    expect(kept.code).toBe(0);
    const dropped = ["edit", draft.id, "--markdown", "-", "--drop-attachments", "--hash", kept.json.content_hash as string];
    expect((await pending(dropped, { stdin: "y" })).code).toBe(0);
    expect((await pending(["show", draft.id])).out).not.toContain("\nAttachments\n");
  });

  it("MM-10 --print-signal prints the command and nothing else, and decides nothing", async () => {
    const { draft } = await waiting();
    const printed = await pending(["approve", draft.id, "--print-signal"], { columns: 80 });
    expect(printed).toMatchObject({ code: 0, err: "" });
    expect(printed.out).toMatch(
      new RegExp(
        `^temporal workflow signal (?:--address \\S+ )?--workflow-id out-${draft.id.slice(4)} --name approve --input '\\{"token":"[\\w.-]+"\\}'\\n$`,
      ),
    );
    expect((await pending(["show", draft.id, "--json"])).json).toMatchObject({ status: "pending_send_approval", attempts: [] });
    const [, token] = /"token":"([^"]+)"/.exec(printed.out)!;
    await world.temporal.workflow.getHandle(`out-${draft.id.slice(4)}`).signal("approve", { token });
    expect(await world.ended(draft)).toEqual({ state: "sent" });
  });
});

describe("a draft whose fate is unknown", () => {
  it("NY-15 is settled or sent again by a person's word; one of known fate is 6", async () => {
    const [settled, resent] = await Promise.all([unknown(), unknown()]);
    expect((await postern(["drafts", "show", settled.draft.id])).err).toContain(
      `postern pending settle ${settled.draft.id} --as sent|failed`,
    );
    expect((await pending(["settle", settled.draft.id])).code).toBe(2);
    expect((await pending(["settle", settled.draft.id, "--as", "failed", "--reason", "not in their log"])).code).toBe(0);
    expect(await world.until(settled.mailbox, settled.draft, "failed", "sent")).toMatchObject({ status: "failed" });
    const said = { action: "settle_failed", by: overseer.keyId, result: "accepted", reason: "not in their log" };
    expect((await postern(["drafts", "show", settled.draft.id, "--json"])).json.attempts).toMatchObject([said]);
    expect((await postern(["drafts", "show", settled.draft.id])).out).toMatch(
      / settle failed of revision 1 by key_\w+ \(\w+\): not in their log\n/,
    );
    const agents = await postern(["drafts", "show", settled.draft.id, "--json"], { key: settled.mailbox.agent.key });
    expect(agents.json.attempts).toEqual([]);
    world.peer.script = () => undefined;
    expect((await pending(["resend", resent.draft.id, "--reason", "they have nothing"])).code).toBe(0);
    expect(await world.ended(resent.draft)).toEqual({ state: "sent" });
    const { json } = await postern(["drafts", "show", resent.draft.id, "--json"]);
    expect(json.attempts).toMatchObject([{ action: "resend", by: overseer.keyId, reason: "they have nothing" }]);
    expect((await pending(["resend", resent.draft.id])).code).toBe(6);
  });

  async function unknown(): Promise<{ readonly mailbox: Mailbox; readonly draft: Draft }> {
    world.peer.script = (step) => (step === "dot" ? { cut: true } : undefined);
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox);
    await world.until(mailbox, draft, "unknown");
    return { mailbox, draft };
  }
});

describe("pending watch", () => {
  /** A watch, what it has said so far, and how it is interrupted. */
  function watching(argv: readonly string[], options: { readonly key?: string } = {}) {
    let said = "\n";
    let stop = (): void => {};
    let heard = (): void => {};
    const stdout = {
      isTTY: false,
      columns: undefined,
      write: (chunk: string | Uint8Array) => {
        said += chunk.toString();
        heard();
      },
    };
    const onSignal = (listener: () => void): (() => void) => {
      stop = listener;
      return () => {};
    };
    const ended = pending(["watch", "--interval", "1", ...argv], { ...options, deps: { stdout, onSignal } });
    const until = async (text: string): Promise<void> => {
      while (!said.includes(text)) await new Promise<void>((resolve) => (heard = resolve));
    };
    return { ended, until, stop: () => stop(), said: () => said };
  }

  it("shows what waits and then what comes, also an edit, until it is interrupted: 0", async () => {
    const { mailbox, draft } = await waiting({ subject: "the first \u202eone" });
    const watch = watching(["--mailbox", mailbox.id]);
    await watch.until(`${draft.id}  mode gated send\n  to boss@elsewhere.example: the first`);
    const second = await world.send(mailbox, { subject: "the second one" });
    await watch.until("the second one\n");
    await pending(["edit", second.id, "--markdown", "-"], { stdin: "better" });
    await watch.until("edited ");
    watch.stop();
    expect(await watch.ended).toMatchObject({ code: 0, err: "note: watching what waits; interrupt (Ctrl-C) to end\n" });
    expect(
      watch
        .said()
        .split("\n")
        .filter((line) => line.startsWith("waits")),
    ).toHaveLength(2);
    expect(watch.said()).toContain("the first \\u{202e}one");
  });

  it("with --json it is one document a line", async () => {
    const { mailbox, draft } = await waiting();
    const watch = watching(["--mailbox", mailbox.id, "--json"]);
    await watch.until("}\n");
    watch.stop();
    await watch.ended;
    expect(
      watch
        .said()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([expect.objectContaining({ event: "waits", id: draft.id, reason: "mode_gated_send" })]);
  });

  it("a reminder and an escalation are told of", async () => {
    // Escalated at four fifths.
    const approvals = { expireAfter: "10 s", remindAfter: "4 s", escalateTo: [overseer.keyId] };
    const mailbox = await world.mailbox("gated_send", { approvals });
    const watch = watching(["--mailbox", mailbox.id]);
    const { id } = await world.send(mailbox);
    for (const what of ["waits", "reminder", "escalated"]) await watch.until(`\n${what.padEnd(11)}  `);
    watch.stop();
    expect((await watch.ended).code).toBe(0);
    expect(watch.said().split(id)).toHaveLength(4);
  });

  it("a key that may not look ends it: 4", async () => {
    const { agent } = await world.mailbox("gated_send");
    expect((await watching([], { key: agent.key }).ended).code).toBe(4);
  });
});
