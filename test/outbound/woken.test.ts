import { afterAll, beforeAll, expect, it } from "vitest";
import { OutboundWorld } from "./world.ts";

/** As in `src/gate/submit.ts`: when a call that waits for its decision reads the record unasked. */
const POLL_MS = 1_000;

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open();
});
afterAll(() => world?.close());

it("DESIGN §6 two calls that wait for a draft's decision are woken by it, long before either would look by itself", async () => {
  const mailbox = await world.mailbox("gated_send");
  const taken = async (): Promise<number> => {
    const begun = performance.now();
    await world.send(mailbox);
    return performance.now() - begun;
  };
  // The machine may be busy; without being woken no call at all is answered before the poll.
  const pairs = [];
  for (let count = 0; count < 4; count += 1) pairs.push(Math.max(...(await Promise.all([taken(), taken()]))));
  expect(Math.min(...pairs)).toBeLessThan(POLL_MS / 2);
});
