import { expect, it } from "vitest";
import { together } from "../../src/store/together.ts";
import { proposalOf } from "./samples.ts";
import { openWorld } from "./world.ts";

it("DESIGN §9.8 a statement that nobody waited for takes everything with it when it fails", async () => {
  const { store, ...place } = await openWorld();
  const first = proposalOf(place);
  await store.run("inbound.decide", first);
  const { decision_id, audit_id } = first;
  for (const taken of [{ decision_id }, { audit_id }]) {
    const proposal = { ...proposalOf(place), ...taken };
    const { message: id } = proposal.input;
    await expect(store.run("inbound.decide", proposal)).rejects.toMatchObject({ temporary: false });
    expect(await store.run("messages.get", { tenant: place.tenant, id, view: "all" })).toBeNull();
    expect(await store.run("decisions.final", { message: id, stage: "inbound" })).toBeNull();
    expect(await store.run("audit.of_message", { tenant: place.tenant, message: id })).toEqual([]);
  }
  await expect(store.run("inbound.decide", { ...proposalOf(place), decision_id })).rejects.toMatchObject({ code: "conflict" });
  // No place in the order of delivery is lost.
  await store.run("inbound.decide", proposalOf(place));
  const delivered = await store.run("messages.delivered_after", { ...place, after: 0, limit: 9 });
  expect(delivered.map(({ delivery_seq }) => delivery_seq)).toEqual([1, 2]);
});

it("questions asked together have all ended when one has failed, and it is the failure that is told", async () => {
  const slow = Promise.withResolvers<string>();
  const told: unknown[] = [];
  const asked = together([Promise.reject(new Error("not now")), slow.promise]).catch((error: unknown) => told.push(error));
  await new Promise((resolve) => setImmediate(resolve));
  expect(told).toEqual([]);
  slow.resolve("late");
  await asked;
  expect(told).toEqual([new Error("not now")]);
  expect(await together([1, Promise.resolve("two"), null])).toEqual([1, "two", null]);
});
