import { expect, it } from "vitest";
import type { Store } from "../../../src/store/contract.ts";
import { openRows } from "../../support/postgres/rows.ts";
import { addKey, setMode, type OutboundWorld } from "../outbound-samples.ts";
import { addTenant, newDomain, newId, NOON, proposalOf } from "../samples.ts";
import { claim, opened, queued } from "../send-samples.ts";
import { openDatabase, openPool } from "./world.ts";

async function twoPools(): Promise<{ readonly url: string; readonly stores: readonly [Store, Store] }> {
  const { url, target } = await openDatabase();
  return { url, stores: [await openPool(target), await openPool(target)] };
}

it("DESIGN §9.5 no window is over its limit under fifty reservations at once from two processes, and none is lost", async () => {
  const { stores } = await twoPools();
  const place = await addTenant(stores[0], newDomain());
  const limits = { perHour: 20, onLimit: "refuse" } as const;
  const proposals = Array.from({ length: 50 }, (_, index) => proposalOf(place, { proposal: { limits, at: NOON + index } }));
  const decisions = await Promise.all(proposals.map((proposal, index) => stores[index % 2]!.run("inbound.decide", proposal)));
  expect(decisions.filter(({ outcome }) => outcome === "delivered")).toHaveLength(20);
  expect(decisions.filter(({ outcome }) => outcome === "rate_limited")).toHaveLength(30);
  const delivered = await stores[1].run("messages.delivered_after", { ...place, after: 0, limit: 100 });
  expect(delivered.map(({ delivery_seq }) => delivery_seq)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

it("DESIGN §9.8 one message judged by two processes at once has one decision, and both are told it", async () => {
  const { stores } = await twoPools();
  const place = await addTenant(stores[0], newDomain());
  const proposal = proposalOf(place);
  const ids = Array.from({ length: 20 }, () => ({ decision_id: newId("dec"), audit_id: newId("aud") }));
  const decisions = await Promise.all(ids.map((own, index) => stores[index % 2]!.run("inbound.decide", { ...proposal, ...own })));
  for (const decision of decisions) expect(decision).toEqual(decisions[0]);
  expect(await stores[0].run("audit.of_message", { tenant: place.tenant, message: proposal.input.message })).toHaveLength(1);
});

it("of two processes that make the same mailbox at once one does, and the other is told of the conflict", async () => {
  const { stores } = await twoPools();
  const domain = newDomain();
  const { tenant } = await addTenant(stores[0], domain);
  const address = `second@${domain}`;
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, index) => {
      const ids = { id: newId("mbx"), address_id: newId("adr"), domain_id: newId("dom") };
      return stores[index % 2]!.run("mailboxes.create", { ...ids, tenant, agent_id: "assistant", address, domain, at: NOON });
    }),
  );
  expect(made.filter((answer) => "id" in answer)).toHaveLength(1);
  expect(made.filter((answer) => "conflict" in answer)).toEqual(Array.from({ length: 9 }, () => ({ conflict: "address" })));
});

it("DESIGN §9.7 of forty claims of one attempt from two processes one gets it", async () => {
  const { url, stores } = await twoPools();
  const { tenant, mailbox } = await addTenant(stores[0], newDomain());
  const author = await addKey(stores[0], tenant, ["send"]);
  const worlds = stores.map((store): OutboundWorld => ({ store, path: url, tenant, mailbox, author, approver: author }));
  setMode(worlds[0]!, "autonomous");
  const letter = await queued(worlds[0]!);
  const attempt = await opened(worlds[1]!, letter);
  const claims = await Promise.all(Array.from({ length: 40 }, (_, index) => claim(worlds[index % 2]!, letter, attempt)));
  expect(claims.filter(({ claimed }) => claimed)).toHaveLength(1);
});

it("a watch tells of what another process has committed, and it can be read", async () => {
  const { stores } = await twoPools();
  const place = await addTenant(stores[0], newDomain());
  const proposals = Array.from({ length: 30 }, () => proposalOf(place));
  const seen = proposals.map(async ({ input: { message } }) => {
    expect(await stores[1].watch(`message:${message}`, 10_000).moved).toBe(true);
    return stores[1].run("decisions.final", { message, stage: "inbound" });
  });
  const decided = await Promise.all(proposals.map((proposal) => stores[0].run("inbound.decide", proposal)));
  expect(await Promise.all(seen)).toEqual(decided);
});

it("a process does not hear its own writes twice", async () => {
  const { stores } = await twoPools();
  const place = await addTenant(stores[0], newDomain());
  const key = `mailbox:${place.mailbox}`;
  const elsewhere = stores[1].watch(key, 10_000);
  await stores[0].run("inbound.decide", proposalOf(place));
  const next = stores[0].watch(key, 10_000);
  // By now the notification has been to everybody.
  expect(await elsewhere.moved).toBe(true);
  next.cancel();
  expect(await next.moved).toBe(false);
});

it("who listens in vain is woken when the connection is lost, hears again later, and misses nothing in between", async () => {
  const { url, stores } = await twoPools();
  const place = await addTenant(stores[0], newDomain());
  const rows = openRows(url);
  const cut =
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'postern listener'";
  const deaf = stores[1].watch("mailbox:mbx_nobody", 10_000);
  expect(rows.prepare(cut).all()).toHaveLength(2);
  expect(await deaf.moved).toBe(true);
  const proposal = proposalOf(place);
  const key = `message:${proposal.input.message}`;
  let decision = null;
  const waiting = (async () => {
    while (decision === null) {
      const watch = stores[1].watch(key, 10_000);
      decision = await stores[1].run("decisions.final", { message: proposal.input.message, stage: "inbound" });
      if (decision === null) await watch.moved;
    }
  })();
  const decided = await stores[0].run("inbound.decide", proposal);
  await waiting;
  expect(decision).toEqual(decided);
});
