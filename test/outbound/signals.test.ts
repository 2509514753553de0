import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { type Draft, LOOK_MS, type Mailbox, OutboundWorld, type Person } from "./world.ts";

const run = promisify(execFile);
const executable = inject("temporalExecutable");

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());

interface Scene {
  readonly mailbox: Mailbox;
  readonly draft: Draft;
  readonly overseer: Person;
}

async function waiting(outbound: object = {}): Promise<Scene> {
  const mailbox = await world.mailbox("gated_send", outbound);
  return { mailbox, draft: await world.send(mailbox), overseer: await world.person(["oversight"]) };
}

async function printed({ draft, overseer }: Scene, verdict: object): Promise<string> {
  const { command } = await overseer.send<{ command: string }>("POST", `/v1/pending/${draft.id}/token`, verdict);
  return command;
}

/** As a person would: pasted into a shell that has the Temporal CLI. */
function paste(command: string): Promise<unknown> {
  return run("sh", ["-c", command], { env: { ...process.env, PATH: `${dirname(executable ?? "")}:${process.env["PATH"]}` } });
}

function signal({ draft }: Scene, name: string, message: object): Promise<void> {
  return world.temporal.workflow.getHandle(outboundWorkflowId(draft.id)).signal(name, message);
}

interface Attempt {
  readonly action: string;
  readonly via: string;
  readonly result: string;
  readonly reason: string | null;
}

/** Resolves when so many attempts are recorded. */
async function attempts({ draft, overseer }: Scene, count: number): Promise<readonly Attempt[]> {
  for (;;) {
    const shown = await overseer.get<{ attempts: readonly Attempt[] }>(`/v1/pending/${draft.id}`);
    if (shown.attempts.length >= count) return shown.attempts;
    await pause(LOOK_MS);
  }
}

describe.runIf(executable !== null)("X-06 DESIGN §4.4 the plain Temporal CLI", () => {
  it("the printed command approves, and the mail leaves", async () => {
    const scene = await waiting();
    await paste(await printed(scene, { action: "approve" }));
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect(await attempts(scene, 1)).toEqual([expect.objectContaining({ action: "approve", via: "signal", result: "accepted" })]);
  });

  it("the printed command rejects with the reason that was given, which no history holds", async () => {
    const scene = await waiting();
    await paste(await printed(scene, { action: "reject", reason: "a-reason-nobody-else-says" }));
    expect(await world.ended(scene.draft)).toEqual({ state: "rejected" });
    expect(await attempts(scene, 1)).toEqual([expect.objectContaining({ action: "reject", reason: "a-reason-nobody-else-says" })]);
    const history = await world.temporal.workflow.getHandle(outboundWorkflowId(scene.draft.id)).fetchHistory();
    const decoded = JSON.stringify(history, (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString() : value,
    );
    expect(decoded).toContain("posternDecide");
    expect(decoded).not.toContain("a-reason-nobody-else-says");
  });

  it("the same command pasted again counts once", async () => {
    const scene = await waiting({ approvals: { quorum: 2 } });
    const command = await printed(scene, { action: "approve" });
    await paste(command);
    await attempts(scene, 1);
    await paste(command);
    const second = await world.person(["oversight"]);
    await second.send("POST", `/v1/mailboxes/${scene.mailbox.id}/decide/${scene.draft.id}`, { action: "approve" });
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect((await attempts(scene, 2)).map(({ result }) => result)).toEqual(["accepted", "accepted"]);
  });
});

it("X-06 no token is made for what was decided already, not even for who decided it", async () => {
  const scene = await waiting();
  await scene.overseer.send("POST", `/v1/mailboxes/${scene.mailbox.id}/decide/${scene.draft.id}`, { action: "approve" });
  const token = printed(scene, { action: "reject", reason: "too late" });
  await expect(token).rejects.toMatchObject({ code: "already_decided" });
});

describe("signals that nobody signed", () => {
  it("are recorded and ignored", async () => {
    const scene = await waiting();
    await signal(scene, "approve", {});
    await signal(scene, "approve", { token: "eyJhbGciOiJub25lIn0.e30." });
    await signal(scene, "reject", { token: null });
    const recorded = await attempts(scene, 3);
    expect(recorded.map(({ result }) => result).toSorted()).toEqual(["token_invalid", "token_missing", "token_missing"]);
    expect(await world.draft(scene.mailbox, scene.draft)).toMatchObject({ status: "pending_send_approval" });
  });

  it("of no shape at all harm nothing", async () => {
    const scene = await waiting();
    for (const rubbish of ["approve", 7, null, [], { token: 1 }, { token: "a".repeat(100_000) }])
      await signal(scene, "approve", rubbish as object);
    expect((await attempts(scene, 6)).every(({ result }) => result === "token_missing" || result === "token_invalid")).toBe(true);
    await scene.overseer.send("POST", `/v1/mailboxes/${scene.mailbox.id}/decide/${scene.draft.id}`, { action: "approve" });
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
  });

  it("count where the policy trusts the namespace, as one approver", async () => {
    const scene = await waiting({ approvals: { trustNamespace: true } });
    await signal(scene, "approve", {});
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect(await attempts(scene, 1)).toEqual([expect.objectContaining({ action: "approve", result: "accepted" })]);
  });

  it("X-06 sent without end are heard a hundred times, counted after that, and what is signed is heard all the same", async () => {
    const scene = await waiting();
    for (let sent = 0; sent < 160; sent += 20) await Promise.all(Array.from({ length: 20 }, () => signal(scene, "approve", {})));
    await attempts(scene, 100);
    const { token } = await scene.overseer.send<{ token: string }>("POST", `/v1/pending/${scene.draft.id}/token`, { action: "approve" });
    await signal(scene, "approve", { token });
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect((await attempts(scene, 101)).map(({ result }) => result)).toEqual([
      ...Array.from({ length: 100 }, () => "token_missing"),
      "accepted",
    ]);
    expect(entriesOf(scene, "hold.signals_dropped")).toMatchObject([{ facts: { hold: scene.draft.id, dropped: 60 } }]);
  });
});

/** What an auditor reads of one action. */
function entriesOf({ draft }: Scene, action: string): readonly object[] {
  using database = new DatabaseSync(join(world.postern.dataDir, "postern.db"), { readOnly: true, timeout: 5000 });
  const rows = database.prepare("select leaf from audit_entries where message = ?").all(draft.message_id) as { leaf: string }[];
  return rows.map(({ leaf }) => JSON.parse(leaf) as { action: string }).filter((entry) => entry.action === action);
}
