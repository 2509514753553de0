import { expect, it } from "vitest";
import type { NewSinkRow } from "../../src/store/contract-outbound.ts";
import { blobOf } from "./outbound-samples.ts";
import { newId, NOON, type Place } from "./samples.ts";
import { openWorld } from "./world.ts";

function mailOf({ tenant, mailbox }: Place, changes: Partial<NewSinkRow> = {}): NewSinkRow {
  const draft = newId("drf");
  const envelope = { envelope_sender: "assistant@gate.example", recipients: ["ann@acme.example", "ben@other.example"] };
  return { id: newId("snk"), tenant, mailbox, draft, ...envelope, message: blobOf(draft), at: NOON, ...changes };
}

it("what the sandbox kept can be listed, newest first, and read", async () => {
  const world = await openWorld();
  const { store, tenant, mailbox } = world;
  const mails = [0, 1, 2].map((minute) => mailOf(world, { at: NOON + minute }));
  const elsewhere = mailOf(world, { mailbox: newId("mbx"), at: NOON + 9 });
  for (const mail of [...mails, elsewhere]) await store.run("sink.put", mail);
  const first = await store.run("sink.list", { tenant, mailbox, limit: 2 });
  expect(first.items).toEqual([mails[2], mails[1]]);
  const rest = await store.run("sink.list", { tenant, mailbox, limit: 2, cursor: first.next_cursor! });
  expect(rest).toEqual({ items: [mails[0]], next_cursor: null });
  expect((await store.run("sink.list", { tenant, limit: 9 })).items).toHaveLength(4);
  expect(await store.run("sink.get", { tenant, id: mails[0]!.id })).toEqual(mails[0]);
});

it("the same attempt is kept once, as it was first", async () => {
  const world = await openWorld();
  const { store, tenant } = world;
  const mail = mailOf(world);
  await store.run("sink.put", mail);
  await store.run("sink.put", { ...mail, message: blobOf("other"), at: NOON + 1 });
  expect((await store.run("sink.list", { tenant, limit: 9 })).items).toEqual([mail]);
});

it("its bytes are wanted as long as it is there, by its tenant", async () => {
  const [world, other] = [await openWorld(), await openWorld()];
  const mail = mailOf(world);
  const { digest } = mail.message;
  expect(await world.store.run("messages.references", { tenant: world.tenant, digest })).toBe(false);
  await world.store.run("sink.put", mail);
  expect(await world.store.run("messages.references", { tenant: world.tenant, digest })).toBe(true);
  expect(await other.store.run("messages.references", { tenant: other.tenant, digest })).toBe(false);
  expect(await other.store.run("sink.get", { tenant: other.tenant, id: mail.id })).toBeNull();
  expect((await other.store.run("sink.list", { tenant: other.tenant, limit: 9 })).items).toEqual([]);
});
