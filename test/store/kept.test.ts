import { describe, expect, it } from "vitest";
import { Kept } from "../../src/store/sqlite/kept.ts";
import { NOON, newId } from "./samples.ts";
import { openWorld } from "./world.ts";

describe("a result that is kept", () => {
  it("is what was found, until its key moves", async () => {
    const kept = new Kept();
    let found = 0;
    const read = (key: string) => kept.read(key, "what", async () => ({ found: ++found }));
    expect(await Promise.all([read("a"), read("a")])).toEqual([{ found: 1 }, { found: 1 }]);
    kept.touched(["b"]);
    expect(await read("a")).toEqual({ found: 1 });
    kept.touched(["a"]);
    expect(await read("a")).toEqual({ found: 2 });
    kept.clear();
    expect(await read("a")).toEqual({ found: 3 });
  });

  it("is not one that was looked for before the key moved and found after", async () => {
    const kept = new Kept();
    const before = Promise.withResolvers<unknown>();
    const early = kept.read("a", "what", () => before.promise);
    kept.touched(["a"]);
    const late = kept.read("a", "what", async () => "new");
    before.resolve("old");
    expect([await early, await late]).toEqual(["old", "new"]);
    expect(await kept.read("a", "what", async () => "newer")).toBe("new");
  });

  it("is never another question's, nor a failure", async () => {
    const kept = new Kept();
    await expect(kept.read("a", "mine", () => Promise.reject(new Error("not now")))).rejects.toThrow("not now");
    expect(await kept.read("a", "mine", async () => "mine")).toBe("mine");
    expect(await kept.read("a", "theirs", async () => "theirs")).toBe("theirs");
  });

  it("can be changed by none of those who share it", async () => {
    const result = (await new Kept().read("a", "what", async () => ({ version: 1 }))) as { version: number };
    expect(() => (result.version = 2)).toThrow(TypeError);
  });

  it("is one of the latest 256", async () => {
    const kept = new Kept();
    for (let index = 0; index <= 256; index += 1) await kept.read(`${index}`, "what", async () => "first");
    expect(await kept.read("1", "what", async () => "second")).toBe("first");
    expect(await kept.read("0", "what", async () => "second")).toBe("second");
  });
});

describe("the policy in force", () => {
  it("MB-01 is the newest for whoever asks after it was put, however many ask meanwhile", async () => {
    const { store, tenant, mailbox } = await openWorld();
    const current = async (): Promise<number> => (await store.run("policies.current", { tenant, mailbox }))?.version ?? 0;
    const put = (version: number) =>
      store.run("policies.put", { tenant, mailbox, id: newId("pol"), digest: `${version}`, document: "{}", at: NOON, actor: "postern" });
    let asking = true;
    const crowd = (async () => {
      for (let last = 0; asking;) {
        const version = await current();
        expect(version).toBeGreaterThanOrEqual(last);
        last = version;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let version = 1; version <= 50; version += 1) {
      await put(version);
      expect(await current()).toBe(version);
    }
    asking = false;
    await crowd;
  });

  it("is not read again for the next message, and no other mailbox's or tenant's", async () => {
    const { store, tenant, mailbox } = await openWorld();
    const policy = { tenant, mailbox, id: newId("pol"), digest: "1", document: "{}", at: NOON, actor: "postern" } as const;
    await store.run("policies.put", policy);
    const first = await store.run("policies.current", { tenant, mailbox });
    expect(first).toMatchObject({ version: 1 });
    expect(await store.run("policies.current", { tenant, mailbox })).toBe(first);
    expect(await store.run("policies.current", { tenant: newId("ten"), mailbox })).toBeNull();
    expect(await store.run("policies.current", { tenant, mailbox: newId("mbx") })).toBeNull();
  });
});
