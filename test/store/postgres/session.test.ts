import { Client } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { clientConfig, OneTooMany, openSession, type Session } from "../../../src/store/postgres/session.ts";
import { read, write } from "../../../src/store/postgres/transaction.ts";
import { openRows } from "../../support/postgres/rows.ts";
import { openDatabase } from "./world.ts";

async function openWriter(): Promise<{ readonly session: Session; readonly url: string }> {
  const { url, target } = await openDatabase();
  const client = new Client(clientConfig(target));
  await client.connect();
  onTestFinished(() => client.end());
  return { session: (await openSession(client, "write")).session, url };
}

const PUT = "insert into secrets values ('a', '1')";

it("what follows a BEGIN that failed changes nothing: a connection can only read unless a transaction says otherwise", async () => {
  const { session, url } = await openWriter();
  const asked = ["begin isolation level of_no_kind", PUT, "commit"].map((text) => session.query(text));
  const [begun, put] = await Promise.allSettled(asked);
  expect(begun).toMatchObject({ status: "rejected", reason: { state: "42601" } });
  expect(put).toMatchObject({ status: "rejected", reason: { state: "25006" } });
  expect(openRows(url).prepare("select name from secrets").all()).toEqual([]);
});

it("of statements that fail one after the other the first is remembered, until the next piece of work", async () => {
  const { session } = await openWriter();
  session.start(Infinity);
  await Promise.allSettled(["begin read write", PUT, PUT, PUT, "rollback"].map((text) => session.query(text)));
  expect(session.failure).toMatchObject({ state: "23505" });
  session.start(Infinity);
  expect(session.failure).toBeNull();
});

it("a question more than is allowed is not sent", async () => {
  const { session } = await openWriter();
  session.start(1);
  await session.query("select 1 as one");
  await expect(session.query("select 2 as two")).rejects.toThrow(OneTooMany);
  session.start(Infinity);
  expect((await session.query("select 3 as three")).rows).toEqual([{ three: 3 }]);
});

it("a read that turns out to ask more than one question is asked again in a transaction, and told once", async () => {
  const { session } = await openWriter();
  const told: unknown[] = [];
  const job = { name: "mailboxes.list", args: { tenant: "ten_a", limit: 5 } } as const;
  await write(session, { name: "tenants.create", args: { id: "ten_a", name: "a", at: 0 } });
  const mailbox = { id: "mbx_a", address_id: "adr_a", domain_id: "dom_a", tenant: "ten_a", agent_id: "a", at: 0 };
  await write(session, { name: "mailboxes.create", args: { ...mailbox, address: "a@a.example", domain: "a.example" } });
  for (let nth = 0; nth < 2; nth += 1) await read(session, job, (result) => told.push(result));
  expect(told).toMatchObject([{ items: [{ id: "mbx_a" }] }, { items: [{ id: "mbx_a" }] }]);
});
