import { expect, it } from "vitest";
import { createPostgresStore } from "../../../src/store/postgres/store.ts";
import { Lanes } from "../../../src/store/postgres/lanes.ts";
import { addTenant, newDomain, proposalOf } from "../samples.ts";
import { openDatabase } from "./world.ts";

it("what is about one thing goes one after the other and in its order, what is about another beside it", async () => {
  const lanes = new Lanes(1_000);
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const work = (name: string, until: Promise<void>) => async () => {
    log.push(`${name} begins`);
    await until;
    log.push(`${name} ends`);
  };
  const all = [
    lanes.inTurn("a", work("first", first.promise)),
    lanes.inTurn("a", work("second", Promise.resolve())),
    lanes.inTurn("b", work("other", Promise.resolve())),
  ];
  await all[2];
  expect(log).toEqual(["first begins", "other begins", "other ends"]);
  first.resolve();
  await Promise.all(all);
  expect(log.slice(3)).toEqual(["first ends", "second begins", "second ends"]);
});

it("what fails gives its turn to the next", async () => {
  const lanes = new Lanes(1_000);
  const failing = lanes.inTurn("a", () => Promise.reject(new Error("not now")));
  const next = lanes.inTurn("a", async () => "done");
  await expect(failing).rejects.toThrow("not now");
  expect(await next).toBe("done");
});

it("who waits in vain is told that it is temporary", async () => {
  const lanes = new Lanes(5);
  const first = Promise.withResolvers<void>();
  const held = lanes.inTurn("a", () => first.promise);
  await expect(lanes.inTurn("a", async () => "too late")).rejects.toMatchObject({ code: "unavailable", temporary: true });
  first.resolve();
  await held;
  expect(await lanes.inTurn("a", async () => "again")).toBe("again");
});

it("of fifty messages to one mailbox at once none is judged in vain", async () => {
  const { target } = await openDatabase();
  let again = 0;
  const random = (): number => {
    again += 1;
    return Math.random();
  };
  const store = await createPostgresStore({ target, random });
  const place = await addTenant(store, newDomain());
  await Promise.all(Array.from({ length: 50 }, () => store.run("inbound.decide", proposalOf(place))));
  await store.close();
  expect(again).toBe(0);
});
