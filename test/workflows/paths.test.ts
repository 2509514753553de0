import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { endOf, openWorld, PATHS, type World } from "./paths.ts";

let world: World;

beforeAll(async () => {
  world = await openWorld({ maxCachedWorkflows: 0 });
});
afterAll(() => world?.close());

describe("DESIGN §9.9 with no workflow kept in memory, every task begins at the first event", () => {
  it.each(PATHS)("$name ends as it should", async (path) => {
    const end = await endOf(world, await path.walk(world));
    expect(end).toMatchObject(path.ends);
  });
});
