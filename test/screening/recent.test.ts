import { describe, expect, it } from "vitest";
import { Recent } from "../../src/screening/recent.ts";

function recent(entries = 2) {
  const time = { now: 0 };
  const made: string[] = [];
  const kept = new Recent<string>({ entries, ms: 100 }, () => time.now);
  const get = (name: string) => kept.get(name, () => (made.push(name), Promise.resolve(name)));
  return { kept, get, made, time };
}

describe("what was worked out lately", () => {
  it("is worked out once, also for those who ask meanwhile", async () => {
    const { get, made } = recent();
    expect(await Promise.all([get("a"), get("a")])).toEqual(["a", "a"]);
    await get("a");
    expect(made).toEqual(["a"]);
  });

  it("is worked out anew when it is old, or when others took its place", async () => {
    const { get, made, time } = recent();
    await get("a");
    time.now = 99;
    await get("a");
    time.now = 100;
    await get("a");
    for (const name of ["b", "c", "a"]) await get(name);
    expect(made).toEqual(["a", "a", "b", "c", "a"]);
  });

  it("is not kept when it failed", async () => {
    const { kept, get } = recent();
    await expect(kept.get("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await get("a")).toBe("a");
  });
});
