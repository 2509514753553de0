import { describe, expect, it } from "vitest";
import { createUses } from "../../src/blobs/uses.ts";

const BLOB = { tenant: "ten_0000000000000000", digest: "00".repeat(32) } as const;

describe("uses of a blob", () => {
  it("is not removed while another transaction uses it", async () => {
    const uses = createUses();
    const mine = await uses.take(BLOB);
    const theirs = await uses.take(BLOB);
    const removed: string[] = [];
    mine();
    await uses.retire(BLOB, async () => void removed.push("too early"));
    theirs();
    await uses.retire(BLOB, async () => void removed.push("now"));
    expect(removed).toEqual(["now"]);
  });

  it("whoever comes while it is being removed waits, and finds it gone instead of going", async () => {
    const uses = createUses();
    const order: string[] = [];
    const unlink = Promise.withResolvers<void>();
    const retired = uses.retire(BLOB, async () => {
      await unlink.promise;
      order.push("removed");
    });
    const taken = uses.take(BLOB).then(() => order.push("taken"));
    unlink.resolve();
    await Promise.all([retired, taken]);
    expect(order).toEqual(["removed", "taken"]);
  });

  it("a removal that fails lets the next one in", async () => {
    const uses = createUses();
    const retired = uses.retire(BLOB, () => Promise.reject(new Error("disk")));
    const taken = uses.take(BLOB);
    await expect(retired).rejects.toThrow("disk");
    (await taken)();
  });

  it("leaving twice counts once", async () => {
    const uses = createUses();
    const first = await uses.take(BLOB);
    await uses.take(BLOB);
    first();
    first();
    const removed: string[] = [];
    await uses.retire(BLOB, async () => void removed.push("while used"));
    expect(removed).toEqual([]);
  });
});
