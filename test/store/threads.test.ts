import { expect, it } from "vitest";
import { idBody, type ThreadId } from "../../src/model/ids.ts";
import { addMailbox, addTenant, from, HOUR, MINUTE, newDomain, newId, NOON, proposalOf, questionOf, type Mail } from "./samples.ts";
import { letterOf, openAutonomous, sendOut, to } from "./outbound-samples.ts";
import { openWorld, type World } from "./world.ts";

/** A message that begins or continues `thread` and is known by `rfc_message_id`. */
async function receive(world: World, rfc_message_id: string, mail: Mail & { thread?: ThreadId } = {}): Promise<ThreadId> {
  const thread = mail.thread ?? newId("thr");
  await world.store.run("inbound.decide", proposalOf(world, { ...mail, headline: { rfc_message_id }, facts: { thread, ...mail.facts } }));
  return thread;
}

it("X-28 a message that names no known one begins a thread with its own name", async () => {
  const world = await openWorld();
  const question = questionOf(world, { references: ["unknown@x.example"] });
  expect(await world.store.run("threads.resolve", question)).toEqual({ thread: `thr_${idBody(question.message)}`, loop: null });
});

it("X-28 who took part and is verified joins the thread by quoting it, however the address is written", async () => {
  const world = await openWorld();
  const thread = await receive(world, "1@acme.example");
  for (const sender of ["boss@acme.example", "Boss@Acme.example"]) {
    const question = questionOf(world, { references: ["1@acme.example"], sender });
    expect(await world.store.run("threads.resolve", question)).toEqual({ thread, loop: null });
  }
});

it("X-28 a stranger, an unverified sender and nobody do not join by quoting a Message-ID", async () => {
  const world = await openWorld();
  const thread = await receive(world, "1@acme.example");
  for (const change of [{ sender: "stranger@x.example" }, { verified: false }, { sender: null }]) {
    const answer = await world.store.run("threads.resolve", questionOf(world, { references: ["1@acme.example"], ...change }));
    expect(answer.thread).not.toBe(thread);
  }
});

it("X-28 a refused message is not known, and gives its sender no standing", async () => {
  const world = await openWorld();
  const thread = await receive(world, "1@acme.example");
  await receive(world, "2@x.example", { thread, facts: from("stranger@x.example"), proposal: { outcome: "rejected_at_policy" } });
  await receive(world, "3@x.example", { thread, facts: from("dropped@x.example"), proposal: { outcome: "discarded" } });
  const ask = (references: string[], sender: string) => world.store.run("threads.resolve", questionOf(world, { references, sender }));
  expect((await ask(["1@acme.example"], "stranger@x.example")).thread).not.toBe(thread);
  expect((await ask(["1@acme.example"], "dropped@x.example")).thread).not.toBe(thread);
  expect((await ask(["2@x.example"], "boss@acme.example")).thread).not.toBe(thread);
  expect((await ask(["1@acme.example"], "boss@acme.example")).thread).toBe(thread);
});

it("X-28 a name that nobody proved gives its bearer no standing, so a forged message draws nobody into its thread", async () => {
  const world = await openWorld();
  const thread = await receive(world, "1@acme.example");
  // Let in by `allowUnverified`, or held: in the boss's name, under an id that the boss will quote.
  const forged = [
    await receive(world, "1@acme.example", { thread: "thr_0000000000000000", facts: from("boss@acme.example", false) }),
    await receive(world, "2@acme.example", { facts: from("boss@acme.example", false), proposal: { outcome: "held" } }),
  ];
  const ask = (references: string[]) => world.store.run("threads.resolve", questionOf(world, { references }));
  expect((await ask(["1@acme.example"])).thread).toBe(thread);
  expect(forged).not.toContain((await ask(["2@acme.example"])).thread);
});

it("X-28 the nearest reference counts", async () => {
  const world = await openWorld();
  const far = await receive(world, "far@acme.example");
  const near = await receive(world, "near@acme.example");
  const ask = (references: string[]) => world.store.run("threads.resolve", questionOf(world, { references }));
  expect((await ask(["near@acme.example", "far@acme.example"])).thread).toBe(near);
  expect((await ask(["unknown@acme.example", "far@acme.example", "near@acme.example"])).thread).toBe(far);
  const many = Array.from({ length: 100 }, (_, index) => `${index}@acme.example`);
  expect((await ask([...many, "near@acme.example"])).thread).not.toBe(near);
});

it("X-28 a thread of another mailbox is not joined", async () => {
  const world = await openWorld();
  const thread = await receive(world, "1@acme.example");
  const other = await addMailbox(world.store, world.tenant, `second@${newDomain()}`);
  const question = questionOf({ tenant: world.tenant, mailbox: other.id }, { references: ["1@acme.example"] });
  expect((await world.store.run("threads.resolve", question)).thread).not.toBe(thread);
});

it("X-10 what this mailbox sent is told as its own when it comes back", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world);
  const loopOf = async (rfc_message_id: string) =>
    (await world.store.run("threads.resolve", questionOf(world, { rfc_message_id, sender: "anna@acme.example" }))).loop;
  expect(await loopOf(letter.content.rfc_message_id)).toBeNull();
  await sendOut(world, letter);
  expect(await loopOf(letter.content.rfc_message_id)).toBe("own_message_id");
  await receive(world, "theirs@acme.example");
  expect(await loopOf("theirs@acme.example")).toBeNull();
});

it("X-28 an answer from whoever it was sent to joins its thread, from anybody else it does not", async () => {
  const world = await openAutonomous();
  const letter = letterOf(world, { recipients: [...to("Anna@acme.example"), { kind: "bcc", address: "bob@acme.example" }] });
  await sendOut(world, letter);
  const references = [letter.content.rfc_message_id];
  const threadOf = async (sender: string) => (await world.store.run("threads.resolve", questionOf(world, { references, sender }))).thread;
  for (const sender of ["anna@acme.example", "bob@acme.example"]) expect(await threadOf(sender)).toBe(letter.input.thread);
  expect(await threadOf("eve@acme.example")).not.toBe(letter.input.thread);
});

it("X-10 a verified message from one of the mailbox's own addresses is a loop", async () => {
  const world = await openWorld();
  const { tenant, mailbox } = world;
  const domain = newDomain();
  const alias = { tenant, mailbox, address_id: newId("adr"), domain_id: newId("dom"), address: `alias@${domain}`, domain, at: NOON };
  await world.store.run("mailboxes.add_alias", alias);
  const ask = (verified: boolean) => world.store.run("threads.resolve", questionOf(world, { sender: `alias@${domain}`, verified }));
  expect(await ask(true)).toMatchObject({ loop: "own_address" });
  expect(await ask(false)).toMatchObject({ loop: null });
});

it("X-10 automatic messages of one sender in one thread are an echo from the cap on, for a rolling hour", async () => {
  const world = await openWorld();
  const thread = newId("thr");
  for (const minute of [0, 1, 2]) {
    await receive(world, "bot@x.example", { thread, facts: { ...from("bot@x.example"), automatic: true }, at: NOON + minute * MINUTE });
  }
  const ask = (change: object) =>
    world.store.run(
      "threads.resolve",
      questionOf(world, { references: ["bot@x.example"], sender: "bot@x.example", automatic: true, ...change }),
    );
  expect(await ask({ at: NOON + 3 * MINUTE })).toEqual({ thread, loop: "ping_pong" });
  expect(await ask({ at: NOON + 3 * MINUTE, automatic: false })).toEqual({ thread, loop: null });
  expect(await ask({ at: NOON + 3 * MINUTE, caps: { perThread: 4, perPair: 4 } })).toEqual({ thread, loop: null });
  expect(await ask({ at: NOON + 3 * MINUTE, references: [] })).toMatchObject({ loop: null });
  expect(await ask({ at: NOON + HOUR - 1 })).toEqual({ thread, loop: "ping_pong" });
  expect(await ask({ at: NOON + HOUR })).toEqual({ thread, loop: null });
});

it("X-10 two mailboxes of this instance are an echo from the cap on, counted both ways", async () => {
  const world = await openWorld();
  const domain = newDomain();
  const other: World = { ...world, ...(await addTenant(world.store, domain)) };
  const own = (await world.store.run("mailboxes.get", { tenant: world.tenant, id: world.mailbox }))!.address;
  for (let count = 0; count < 2; count++) {
    await receive(world, `a${count}@x.example`, { facts: from(`assistant@${domain}`) });
    await receive(other, `b${count}@x.example`, { facts: from(own) });
  }
  const ask = (sender: string, perPair: number) =>
    world.store.run("threads.resolve", questionOf(world, { sender, caps: { perThread: 3, perPair } }));
  expect(await ask(`assistant@${domain}`, 4)).toMatchObject({ loop: "ping_pong" });
  expect(await ask(`assistant@${domain}`, 5)).toMatchObject({ loop: null });
  expect(await ask("boss@acme.example", 1)).toMatchObject({ loop: null });
});

it("X-10 what another tenant writes to itself in this mailbox's name makes nobody's mail an echo", async () => {
  const world = await openWorld();
  const domain = newDomain();
  // Another tenant holds the address of a correspondent, as it may while domains are not verified.
  const other: World = { ...world, ...(await addTenant(world.store, domain)) };
  const own = (await world.store.run("mailboxes.get", { tenant: world.tenant, id: world.mailbox }))!.address;
  const ask = () =>
    world.store.run("threads.resolve", questionOf(world, { sender: `assistant@${domain}`, caps: { perThread: 3, perPair: 4 } }));
  for (let count = 0; count < 2; count++) await receive(world, `in${count}@x.example`, { facts: from(`assistant@${domain}`) });
  for (let count = 0; count < 4; count++) await receive(other, `forged${count}@x.example`, { facts: from(own, false) });
  expect(await ask()).toMatchObject({ loop: null });
  for (let count = 0; count < 4; count++) await receive(world, `more${count}@x.example`, { facts: from(`assistant@${domain}`) });
  expect(await ask()).toMatchObject({ loop: null });
});

it("X-10 two mailboxes of one tenant are an echo though nobody proves their addresses", async () => {
  const world = await openWorld();
  const second = await addMailbox(world.store, world.tenant, `second@${newDomain()}`);
  const other: World = { ...world, mailbox: second.id };
  const own = (await world.store.run("mailboxes.get", { tenant: world.tenant, id: world.mailbox }))!.address;
  for (let count = 0; count < 2; count++) {
    await receive(world, `c${count}@x.example`, { facts: from(second.address, false) });
    await receive(other, `d${count}@x.example`, { facts: from(own, false) });
  }
  const question = questionOf(world, { sender: second.address, verified: false, caps: { perThread: 3, perPair: 4 } });
  expect(await world.store.run("threads.resolve", question)).toMatchObject({ loop: "ping_pong" });
});
