import { expect, it, onTestFinished } from "vitest";
import type { Args, OperationName, Store } from "../../../src/store/contract.ts";
import { countOver, type Count, type CountedServer } from "../../support/postgres/counted.ts";
import { addKey, letterOf, questionAbout, setMode } from "../outbound-samples.ts";
import { addTenant, newDomain, newId, NOON, proposalOf, questionOf } from "../samples.ts";
import { openDatabase, openPool } from "./world.ts";

/** What one call costs once its connection knows the words. */
type Cost = readonly [roundTrips: number, statements: number];

interface Counted {
  readonly store: Store;
  readonly server: CountedServer;
  readonly url: string;
}

/** Whose connections are all there: making one is not what is counted. */
async function openCounted(): Promise<Counted> {
  const { url, target } = await openDatabase();
  const server = await countOver(target);
  onTestFinished(() => server.close());
  const store = await openPool(server.target);
  await Promise.all(Array.from({ length: 40 }, () => store.run("secrets.get", { name: "a" })));
  await Promise.all(Array.from({ length: 40 }, (_, index) => store.run("secrets.put", { name: `${index}`, sealed: "" })));
  return { store, server, url };
}

/** Of the second call: whether an operation needs a transaction is learned at the first. */
async function costOf<K extends OperationName>({ store, server }: Counted, name: K, args: () => Args<K>): Promise<Cost> {
  await store.run(name, args());
  const before = await settled(server);
  await store.run(name, args());
  const after = await settled(server);
  return [after.roundTrips - before.roundTrips, after.statements - before.statements];
}

async function settled(server: CountedServer): Promise<Count> {
  await expect.poll(() => server.isSettled(), { interval: 1 }).toBe(true);
  return server.count();
}

it("DESIGN §10 a message that comes in and is pulled waits for the database no oftener than this", async () => {
  const counted = await openCounted();
  const { store } = counted;
  const place = await addTenant(store, newDomain());
  const { tenant, mailbox } = place;
  const limits = { perHour: 90, perDay: 900, tokensPerThread: 9_999, tokensPerDay: 99_999 };
  const message = newId("msg");
  const said = { peer: "192.0.2.1", helo: "mx", sender: "a@acme.example", recipient: "b@gate.example", reply: "250 ok" };
  const costs = {
    "mailboxes.resolve": await costOf(counted, "mailboxes.resolve", () => ({ address: "x@acme.example" })),
    "decisions.final": await costOf(counted, "decisions.final", () => ({ message, stage: "inbound" })),
    // One of the two is the end of its snapshot, which nobody waits for.
    "threads.resolve": await costOf(counted, "threads.resolve", () =>
      questionOf(place, { references: ["1@x", "2@x"], rfc_message_id: "3@x" }),
    ),
    "policies.current": await costOf(counted, "policies.current", () => place),
    "inbound.decide": await costOf(counted, "inbound.decide", () => proposalOf(place, { limits })),
    "decisions.of_run": await costOf(counted, "decisions.of_run", () => ({ message, run: "r" })),
    "receipts.add": await costOf(counted, "receipts.add", () => ({ id: newId("rcp"), tenant, message, ...said, at: NOON })),
    "keys.find": await costOf(counted, "keys.find", () => ({ hash: "h" })),
    "oversight.stops": await costOf(counted, "oversight.stops", () => ({ tenant })),
    "mailboxes.get": await costOf(counted, "mailboxes.get", () => ({ tenant, id: mailbox })),
    "messages.delivered_after": await costOf(counted, "messages.delivered_after", () => ({ ...place, after: 0, limit: 1 })),
  };
  expect(costs).toEqual({
    "mailboxes.resolve": [1, 1],
    "decisions.final": [1, 1],
    "threads.resolve": [2, 5],
    "policies.current": [1, 1],
    "inbound.decide": [2, 16],
    "decisions.of_run": [1, 1],
    "receipts.add": [1, 3],
    "keys.find": [1, 1],
    "oversight.stops": [1, 1],
    "mailboxes.get": [1, 1],
    "messages.delivered_after": [1, 1],
  });
});

it("DESIGN §10 a draft is taken and screened with no more waits for the database than this", async () => {
  const counted = await openCounted();
  const { store, url } = counted;
  const place = await addTenant(store, newDomain());
  const author = await addKey(store, place.tenant, ["send"]);
  const world = { ...place, store, path: url, author, approver: author };
  setMode(world, "autonomous");
  const { tenant, mailbox } = place;
  const key = { tenant, mailbox, payload_hash: "p", at: NOON };
  const costs = {
    "idempotency.begin": await costOf(counted, "idempotency.begin", () => ({ ...key, key: newId("key"), draft: newId("drf") })),
    "outbound.facts": await costOf(counted, "outbound.facts", () => questionAbout(world)),
    "outbound.screen": await costOf(counted, "outbound.screen", () => letterOf(world)),
    "idempotency.settle": await costOf(counted, "idempotency.settle", () => ({ mailbox, key: "k", status: 200, answer: "{}" })),
  };
  expect(costs).toEqual({
    "idempotency.begin": [2, 4],
    "outbound.facts": [3, 10],
    "outbound.screen": [7, 19],
    "idempotency.settle": [1, 3],
  });
});
