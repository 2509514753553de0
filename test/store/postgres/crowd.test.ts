import { expect, it } from "vitest";
import { Crowd } from "../../../src/store/postgres/crowd.ts";

/** Lets in as many as may enter at once, and tells how many those are. */
async function width(crowd: Crowd): Promise<number> {
  const seen: string[] = [];
  const tries = Array.from({ length: 20 }, () =>
    crowd.enter(false).then(
      () => seen.push("inside"),
      () => seen.push("gave up"),
    ),
  );
  await Promise.all(tries);
  const inside = seen.filter((what) => what === "inside").length;
  return inside;
}

it("each meeting halves how many go on at once, down to one", async () => {
  for (const [meetings, left] of [
    [0, 8],
    [1, 4],
    [2, 2],
    [3, 1],
    [9, 1],
  ] as const) {
    const crowd = new Crowd(8, 5);
    for (let nth = 0; nth < meetings; nth += 1) {
      await crowd.enter(false);
      crowd.leave(true);
    }
    expect(await width(crowd), `${meetings} meetings`).toBe(left);
  }
});

it("with success it grows again, never beyond the most", async () => {
  const crowd = new Crowd(4, 5);
  for (const met of [true, true, ...Array.from({ length: 400 }, () => false)]) {
    await crowd.enter(false);
    crowd.leave(met);
  }
  expect(await width(crowd)).toBe(4);
});

it("who was inside before goes ahead of those who were not", async () => {
  const crowd = new Crowd(1, 1_000);
  await crowd.enter(false);
  const order: string[] = [];
  const waiting = [crowd.enter(false).then(() => order.push("new")), crowd.enter(true).then(() => order.push("again"))];
  crowd.leave(false);
  await waiting[1];
  crowd.leave(false);
  await Promise.all(waiting);
  expect(order).toEqual(["again", "new"]);
});

it("who waits in vain is told that it is temporary, and takes nobody's place", async () => {
  const crowd = new Crowd(1, 5);
  await crowd.enter(false);
  await expect(crowd.enter(false)).rejects.toMatchObject({ code: "unavailable", temporary: true });
  crowd.leave(false);
  expect(await width(crowd)).toBe(1);
});
