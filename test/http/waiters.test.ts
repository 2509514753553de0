import { describe, expect, it } from "vitest";
import { createWaiters } from "../../src/http/waiters.ts";
import { newId } from "../store/samples.ts";

const keyOf = (tenant = newId("ten")) => ({ id: newId("key"), tenant });

describe("places of those who wait", () => {
  it("are as many as one key may have, and given back", () => {
    const waiters = createWaiters(2, 100);
    const key = keyOf();
    const [first] = [waiters.enter(key), waiters.enter(key)];
    expect(() => waiters.enter(key)).toThrow(expect.objectContaining({ code: "too_many_requests", temporary: true }) as Error);
    waiters.enter(keyOf(key.tenant));
    first[Symbol.dispose]();
    waiters.enter(key);
  });

  it("MB-18 are not all of one tenant's, however many keys it makes", () => {
    const waiters = createWaiters(2, 4);
    const tenant = newId("ten");
    const held = [keyOf(tenant), keyOf(tenant), keyOf(tenant)].map((key) => waiters.enter(key));
    expect(() => waiters.enter(keyOf(tenant))).toThrow("too many calls are waiting");
    waiters.enter(keyOf());
    expect(() => waiters.enter(keyOf())).toThrow("too many calls are waiting");
    for (const place of held) place[Symbol.dispose]();
    for (let nth = 0; nth < 3; nth++) waiters.enter(keyOf(tenant));
  });
});
