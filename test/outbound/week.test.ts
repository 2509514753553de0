import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import { Book, type Entry } from "./book.ts";
import { codeOf, type Draft, LOOK_MS, type Mailbox, OutboundWorld, type Person } from "./world.ts";

// A hold lasts seven days; here its days are seconds.
const WEEK = { expireAfter: "10 s", remindAfter: "3 s" } as const;

let world: OutboundWorld;
let book: Book;
beforeAll(async () => {
  world = await OutboundWorld.open();
  book = new Book(world.postern.dataDir);
});
afterAll(() => world?.close());

interface Scene {
  readonly mailbox: Mailbox;
  readonly draft: Draft;
  readonly desk: Person;
  readonly chief: Person;
}

interface Shown {
  readonly status: string;
  readonly reminded_at: string | null;
  readonly escalated_at: string | null;
  readonly expires_at: string;
}

/** A draft before its desk, with a chief to whom it is escalated. */
async function week(): Promise<Scene> {
  const [desk, chief] = [await world.person(["oversight"]), await world.person(["oversight"])];
  const approvals = { ...WEEK, approvers: [desk.keyId], escalateTo: [chief.keyId] };
  const mailbox = await world.mailbox("gated_send", { approvals });
  return { mailbox, draft: await world.send(mailbox), desk, chief };
}

function approve(person: Person, { mailbox, draft }: Scene): Promise<string> {
  return codeOf(person.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" }));
}

/** Resolves when the hold is as wanted; asked as a desk does that keeps its list fresh. */
async function shown({ draft, desk }: Scene, wanted: (hold: Shown) => boolean): Promise<Shown> {
  for (;;) {
    const hold = await desk.get<Shown>(`/v1/pending/${draft.id}`);
    if (wanted(hold)) return hold;
    await pause(LOOK_MS);
  }
}

function story(draft: Draft): readonly string[] {
  return book.entries(draft.id).map(nameOf);
}

function nameOf({ action, stage, outcome, code }: Entry): string {
  return action === "decision" ? `${stage}: ${outcome}` : action === "hold.attempt_refused" ? `refused: ${code}` : action;
}

describe.concurrent("MM-03 MM-04 a week before people", () => {
  it("nobody decides: they are reminded, it is escalated, it expires, and nothing is ever sent", { timeout: 60_000 }, async () => {
    const scene = await week();
    const before = await shown(scene, ({ status }) => status === "pending_send_approval");
    expect(before).toMatchObject({ reminded_at: null, escalated_at: null });
    const reminded = await shown(scene, ({ reminded_at }) => reminded_at !== null);
    expect(reminded.escalated_at).toBeNull();
    const escalated = await shown(scene, ({ escalated_at }) => escalated_at !== null);
    expect(escalated.status).toBe("pending_send_approval");
    expect(await world.ended(scene.draft)).toEqual({ state: "expired" });
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(before.expires_at));
    expect(await world.draft(scene.mailbox, scene.draft)).toMatchObject({ status: "expired", reason: "hold_expired" });
    const told = ["submit: pending_send_approval", "hold.reminded", "hold.escalated", "release: expired"];
    expect(story(scene.draft)).toEqual(told);
    expect(await approve(scene.desk, scene)).toBe("already_decided");
    expect(await approve(scene.chief, scene)).toBe("already_decided");
    expect(story(scene.draft)).toEqual([...told, "refused: already_decided", "refused: already_decided"]);
    expect(book.claims(scene.draft.id)).toEqual([]);
  });

  it("X-06 whom it is escalated to decides from then on, and not a moment earlier", { timeout: 60_000 }, async () => {
    const scene = await week();
    expect(await approve(scene.chief, scene)).toBe("approval_refused");
    await shown(scene, ({ reminded_at }) => reminded_at !== null);
    expect(await approve(scene.chief, scene)).toBe("approval_refused");
    await shown(scene, ({ escalated_at }) => escalated_at !== null);
    expect(await approve(scene.chief, scene)).toBe("accepted");
    expect(await world.ended(scene.draft)).toEqual({ state: "sent" });
    expect(story(scene.draft)).toEqual([
      "submit: pending_send_approval",
      "refused: not_an_approver",
      "hold.reminded",
      "refused: not_an_approver",
      "hold.escalated",
      "release: queued",
      "email.approved",
      "send: sending",
      "email.sent",
    ]);
  });

  it("one of two has agreed when its time is over: it expires all the same", { timeout: 60_000 }, async () => {
    const mailbox = await world.mailbox("gated_send", { approvals: { expireAfter: "3 s", quorum: 2 } });
    const [desk, chief] = [await world.person(["oversight"]), await world.person(["oversight"])];
    const scene = { mailbox, draft: await world.send(mailbox), desk, chief };
    expect(await approve(desk, scene)).toBe("accepted");
    expect(await world.ended(scene.draft)).toEqual({ state: "expired" });
    expect(await approve(chief, scene)).toBe("already_decided");
    expect(book.claims(scene.draft.id)).toEqual([]);
  });

  it(
    "MM-10 a signal that is signed in time and comes too late is recorded by nobody's run, and sends nothing",
    { timeout: 60_000 },
    async () => {
      const mailbox = await world.mailbox("gated_send", { approvals: { expireAfter: "2 s" } });
      const [draft, desk] = [await world.send(mailbox), await world.person(["oversight"])];
      const { token } = await desk.send<{ token: string }>("POST", `/v1/pending/${draft.id}/token`, { action: "approve" });
      expect(await world.ended(draft)).toEqual({ state: "expired" });
      const signalled = world.temporal.workflow.getHandle(outboundWorkflowId(draft.id)).signal("approve", { token });
      await expect(signalled).rejects.toThrow(/already completed|not found/);
      expect(await world.draft(mailbox, draft)).toMatchObject({ status: "expired" });
      expect(book.claims(draft.id)).toEqual([]);
    },
  );
});
