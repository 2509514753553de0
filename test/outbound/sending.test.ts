import { simpleParser } from "mailparser";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { codeOf, LETTER, OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());
beforeEach(() => {
  world.peer.taken.length = 0;
  world.peer.script = () => undefined;
});

it("MM-06 MM-08 MB-13 an autonomous mailbox sends at once, as text and HTML, from itself", async () => {
  const mailbox = await world.mailbox("autonomous");
  const answered = await world.send(mailbox, { cc: ["Ann <ann@elsewhere.example>"], bcc: ["secret@elsewhere.example"] });
  expect(answered).toMatchObject({ status: "queued", reason: "mode_autonomous" });
  expect(await world.ended(answered)).toEqual({ state: "sent" });
  const [taken] = world.peer.taken;
  expect(taken).toMatchObject({
    sender: mailbox.address,
    recipients: ["ann@elsewhere.example", "boss@elsewhere.example", "secret@elsewhere.example"],
  });
  const mail = await simpleParser(taken!.content);
  expect(mail.from?.text).toBe(mailbox.address);
  expect(mail.subject).toBe(LETTER.subject);
  expect(mail.text).toContain("Shall we meet on");
  expect(mail.html).toContain("<strong>Friday</strong>");
  expect(taken!.content).not.toContain("secret@");
  expect(await world.draft(mailbox, answered)).toMatchObject({
    status: "sent",
    deliveries: expect.arrayContaining([expect.objectContaining({ state: "accepted", code: 250 })]),
  });
});

it("MM-02 a read-only mailbox sends nothing", async () => {
  const mailbox = await world.mailbox("read_only");
  expect(await codeOf(world.send(mailbox))).toBe("blocked");
  expect(world.peer.taken).toEqual([]);
});

it("NY-12 fifty parallel identical submits are one mail and one id, another payload is a conflict", async () => {
  const mailbox = await world.mailbox("autonomous");
  const submit = (body: object) =>
    world.request("POST", `/v1/mailboxes/${mailbox.id}/send`, body, mailbox.agent.key, { "idempotency-key": "order 4711" });
  const answers = await Promise.all(Array.from({ length: 50 }, () => submit(LETTER)));
  const bodies = (await Promise.all(answers.map((answer) => answer.json()))) as { id: `drf_${string}`; status: string }[];
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(bodies.map(({ id }) => id)).size).toBe(1);
  expect(await world.ended(bodies[0]!)).toEqual({ state: "sent" });
  expect(world.peer.taken).toHaveLength(1);
  expect((await submit({ ...LETTER, subject: "another" })).status).toBe(409);
  expect(await (await submit(LETTER)).json()).toMatchObject({ id: bodies[0]!.id, status: "queued" });
});

it("a recipient that is refused is told of, and the others get it", async () => {
  const mailbox = await world.mailbox("autonomous");
  world.peer.script = (step, argument) => (step === "rcpt" && argument.includes("gone@") ? "550 5.1.1 no such user" : undefined);
  const answered = await world.send(mailbox, { to: ["boss@elsewhere.example", "gone@elsewhere.example"] });
  expect(await world.ended(answered)).toEqual({ state: "sent" });
  const { deliveries } = await world.draft(mailbox, answered);
  expect(deliveries).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ recipient: "boss@elsewhere.example", state: "accepted" }),
      expect.objectContaining({ recipient: "gone@elsewhere.example", state: "refused", code: 550 }),
    ]),
  );
});

it("a mail that everybody refuses has failed, with the code", async () => {
  const mailbox = await world.mailbox("autonomous");
  world.peer.script = (step) => (step === "dot" ? "554 5.7.1 no" : undefined);
  const answered = await world.send(mailbox);
  expect(await world.ended(answered)).toEqual({ state: "failed" });
  expect(await world.draft(mailbox, answered)).toMatchObject({ status: "failed", reason: expect.stringContaining("554") });
});
