import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { World } from "./world.ts";

const TO = "assistant@acme.example";
let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.mailbox(await world.tenant("acme"), TO);
});
afterAll(async () => {
  await world.closeDoors();
  await world.destroy();
});

describe("hostile input", () => {
  it("DESIGN §10 never stalls the accept loop beyond 200 ms, and a polite peer is served meanwhile", { timeout: 60_000 }, async () => {
    const { port, client } = await world.open({ limits: { connectionsPerPeer: 50, judgementsPerPeer: 50 } });
    const attacker = new Worker(new URL("./hostile-peer.ts", import.meta.url), { workerData: { port, to: TO } });
    const ended: { readonly name: string; readonly last: readonly string[] }[] = [];
    attacker.on("message", (one) => ended.push(one));
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const gone = once(attacker, "exit");
    await once(attacker, "online");
    delay.enable();
    const polite = await client();
    let served = 0;
    let slowest = 0;
    while (ended.length < 12 && served < 5_000) {
      const started = performance.now();
      expect(await polite.send({ to: [TO], data: `Subject: ${served}\r\n\r\n` })).toMatch(/^250/);
      slowest = Math.max(slowest, performance.now() - started);
      served += 1;
    }
    delay.disable();
    await gone;
    console.info({
      served,
      slowestMs: Math.round(slowest),
      loopMaxMs: Math.round(delay.max / 1e6),
      loopP99Ms: Math.round(delay.percentile(99) / 1e6),
      ended,
    });
    expect(ended).toHaveLength(12);
    expect(served).toBeGreaterThan(3);
    expect(delay.max / 1e6).toBeLessThan(200);
  });
});
