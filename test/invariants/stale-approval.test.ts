import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Book } from "../outbound/book.ts";
import { codeOf, type Draft, type Mailbox, OutboundWorld, type Person } from "../outbound/world.ts";

let world: OutboundWorld;
let book: Book;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  world = await OutboundWorld.open();
  book = new Book(world.postern.dataDir);
  [ann, ben] = [await world.person(["oversight"]), await world.person(["oversight"])];
});
afterAll(() => world?.close());

interface Scene {
  readonly mailbox: Mailbox;
  readonly draft: Draft;
  readonly recipient: string;
}

function switchTo({ id }: Mailbox, way: "stop" | "start"): Promise<object> {
  return world.postern.http.send("POST", `/v1/mailboxes/${id}/${way}`, {});
}

/** Approved by Ann, and kept from leaving by the kill switch: what changes now changes between approval and sending. */
async function approved(outbound: object = {}): Promise<Scene> {
  const mailbox = await world.mailbox("gated_send", outbound);
  const recipient = `boss-${mailbox.id.slice(4, 12)}@elsewhere.example`;
  const draft = await world.send(mailbox, { to: [recipient] });
  await switchTo(mailbox, "stop");
  expect(await approve(ann, { mailbox, draft, recipient })).toBe("accepted");
  await waitFor(async () => (await world.draft(mailbox, draft)).reason === "stopped_mailbox");
  return { mailbox, draft, recipient };
}

function approve(person: Person, { mailbox, draft }: Scene): Promise<string> {
  return codeOf(person.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, { action: "approve" }));
}

async function waitFor(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}

function policy({ mailbox }: Scene, outbound: object, inbound: object = {}): Promise<object> {
  return world.postern.http.send("PUT", `/v1/mailboxes/${mailbox.id}/policy`, {
    defaultAction: "bounce",
    senders: [],
    ...inbound,
    outbound,
  });
}

function given(recipient: string): number {
  return world.peer.taken.filter(({ recipients }) => recipients.includes(recipient)).length;
}

/** Lets it go, and finds it before people again, with nothing of the first approval left and nothing sent. */
async function waitsAgain(scene: Scene, reason = "approval_stale"): Promise<void> {
  const { mailbox, draft, recipient } = scene;
  await switchTo(mailbox, "start");
  expect(await world.until(mailbox, draft, "pending_send_approval", "sent")).toMatchObject({ status: "pending_send_approval", reason });
  expect(await ben.get(`/v1/pending/${draft.id}`)).toMatchObject({ status: "pending_send_approval", approved_by: [] });
  expect(given(recipient)).toBe(0);
  expect(book.claims(draft.id)).toEqual([]);
}

async function leaves({ mailbox, draft, recipient }: Scene): Promise<void> {
  expect(await world.until(mailbox, draft, "sent")).toMatchObject({ status: "sent" });
  expect(await world.ended(draft)).toEqual({ state: "sent" });
  expect(given(recipient)).toBe(1);
  expect(book.claims(draft.id)).toHaveLength(1);
}

describe.concurrent("DESIGN §9.6 X-06 between approval and sending", { timeout: 60_000 }, () => {
  it("nothing has changed: it leaves as it was approved", async () => {
    const scene = await approved();
    await switchTo(scene.mailbox, "start");
    await leaves(scene);
  });

  it("other approvers are named: the approval is void, and theirs counts", async () => {
    const scene = await approved();
    await policy(scene, { approvals: { approvers: [ben.keyId] } });
    await waitsAgain(scene);
    expect(await approve(ann, scene)).toBe("approval_refused");
    expect(await approve(ben, scene)).toBe("accepted");
    await leaves(scene);
  });

  it("two must agree by now: one is not enough any more, and says it anew", async () => {
    const scene = await approved();
    await policy(scene, { approvals: { quorum: 2 } });
    await waitsAgain(scene);
    expect(await approve(ann, scene)).toBe("accepted");
    expect(await approve(ann, scene)).toBe("already_decided");
    expect(given(scene.recipient)).toBe(0);
    expect(await approve(ben, scene)).toBe("accepted");
    await leaves(scene);
  });

  it("the approver's key is revoked: nobody stands behind it", async () => {
    const mailbox = await world.mailbox("gated_send");
    const [draft, gone] = [await world.send(mailbox, { to: ["left@elsewhere.example"] }), await world.person(["oversight"])];
    const scene = { mailbox, draft, recipient: "left@elsewhere.example" };
    await switchTo(mailbox, "stop");
    expect(await approve(gone, scene)).toBe("accepted");
    await waitFor(async () => (await world.draft(mailbox, draft)).reason === "stopped_mailbox");
    await world.postern.http.remove(`/v1/keys/${gone.keyId}`);
    await waitsAgain(scene);
    expect(await approve(ben, scene)).toBe("accepted");
    await leaves(scene);
  });

  it("the policy is another, but asks for nothing more: it leaves, judged by the one in force", async () => {
    const scene = await approved();
    const { version } = (await policy(scene, {}, { senders: [{ match: { domain: "acme.example" }, capabilities: [] }] })) as {
      version: number;
    };
    await switchTo(scene.mailbox, "start");
    await leaves(scene);
    const sent = book.entries(scene.draft.id).find(({ stage }) => stage === "send");
    expect(sent).toMatchObject({ outcome: "sending", policy: { version } });
  });

  it("a recipient is on the block list by now: it never leaves", async () => {
    const scene = await approved();
    await policy(scene, { block: ["elsewhere.example"] });
    await switchTo(scene.mailbox, "start");
    expect(await world.ended(scene.draft)).toEqual({ state: "blocked" });
    expect(given(scene.recipient)).toBe(0);
  });

  it("the mailbox became read-only: it never leaves", async () => {
    const scene = await approved();
    await world.patch(scene.mailbox.id, { oversight_mode: "read_only" });
    await switchTo(scene.mailbox, "start");
    expect(await world.ended(scene.draft)).toEqual({ state: "blocked" });
    expect(await world.draft(scene.mailbox, scene.draft)).toMatchObject({ reason: "mode_read_only" });
    expect(given(scene.recipient)).toBe(0);
  });

  it("the author's key is revoked: what it wrote stays here, approved or not (NY-01)", async () => {
    const scene = await approved();
    await world.postern.http.remove(`/v1/keys/${scene.mailbox.agent.keyId}`);
    await switchTo(scene.mailbox, "start");
    expect(await world.ended(scene.draft)).toEqual({ state: "blocked" });
    expect(given(scene.recipient)).toBe(0);
  });

  it("nobody had to approve it, and somebody must by now: it waits, and an approval lets it go", async () => {
    const mailbox = await world.mailbox("autonomous");
    const recipient = "lowered@elsewhere.example";
    const draft = await world.send(mailbox, { to: [recipient], send_at: new Date(Date.now() + 1_500).toISOString() });
    const scene = { mailbox, draft, recipient };
    await switchTo(mailbox, "stop");
    await waitFor(async () => (await world.draft(mailbox, draft)).reason === "stopped_mailbox");
    await world.patch(mailbox.id, { oversight_mode: "gated_send" });
    await waitsAgain(scene, "mode_gated_send");
    expect(await approve(ann, scene)).toBe("accepted");
    await leaves(scene);
  });
});
