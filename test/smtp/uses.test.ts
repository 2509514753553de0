import { describe, expect, it } from "vitest";
import { createUses } from "../../src/smtp/uses.ts";

describe("uses of a blob", () => {
  it("is not removed while another transaction uses it", async () => {
    const uses = createUses();
    const mine = await uses.take("blob");
    const theirs = await uses.take("blob");
    const removed: string[] = [];
    mine();
    await uses.retire("blob", async () => void removed.push("too early"));
    theirs();
    await uses.retire("blob", async () => void removed.push("now"));
    expect(removed).toEqual(["now"]);
  });

  it("whoever comes while it is being removed waits, and finds it gone instead of going", async () => {
    const uses = createUses();
    const order: string[] = [];
    const unlink = Promise.withResolvers<void>();
    const retired = uses.retire("blob", async () => {
      await unlink.promise;
      order.push("removed");
    });
    const taken = uses.take("blob").then(() => order.push("taken"));
    unlink.resolve();
    await Promise.all([retired, taken]);
    expect(order).toEqual(["removed", "taken"]);
  });

  it("a removal that fails lets the next one in", async () => {
    const uses = createUses();
    const retired = uses.retire("blob", () => Promise.reject(new Error("disk")));
    const taken = uses.take("blob");
    await expect(retired).rejects.toThrow("disk");
    (await taken)();
  });

  it("leaving twice counts once", async () => {
    const uses = createUses();
    const first = await uses.take("blob");
    await uses.take("blob");
    first();
    first();
    const removed: string[] = [];
    await uses.retire("blob", async () => void removed.push("while used"));
    expect(removed).toEqual([]);
  });
});
