import { describe, expect, it } from "vitest";
import { CUT } from "../support/smtp-peer.ts";
import { openTransport, QUICK, send, startPeer } from "./relay.ts";

describe("connections", () => {
  it("one is used again, after RSET", async () => {
    const peer = await startPeer();
    const transport = openTransport(peer);
    for (let sent = 0; sent < 3; sent += 1) expect((await send(transport)).end).toBe("completed");
    expect(peer.connections).toBe(1);
    expect(peer.commands.filter((line) => line === "RSET" || line.startsWith("EHLO"))).toEqual(["EHLO gate.example", "RSET", "RSET"]);
  });

  it("also after a refusal, because the next transaction begins with RSET", async () => {
    const peer = await startPeer({ script: (step) => (step === "rcpt" ? "550 no" : undefined) });
    const transport = openTransport(peer);
    expect((await send(transport)).replies[0]?.code).toBe(550);
    peer.script = () => undefined;
    expect((await send(transport)).replies[0]?.code).toBe(250);
    expect(peer.connections).toBe(1);
  });

  it("never more than allowed at once, and one transaction at a time each", async () => {
    let [now, most] = [0, 0];
    const peer = await startPeer({
      script: async (step) => {
        if (step === "mail") most = Math.max(most, (now += 1));
        if (step === "dot") now -= 1;
        return undefined;
      },
    });
    const transport = openTransport(peer, { connections: 3 });
    const results = await Promise.all(Array.from({ length: 20 }, () => send(transport)));
    expect(results.every(({ end }) => end === "completed")).toBe(true);
    expect(peer.taken).toHaveLength(20);
    expect(peer.connections).toBeLessThanOrEqual(3);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(3);
  });

  it("one that the relay has closed meanwhile is replaced, and no message is lost by it", async () => {
    const peer = await startPeer({ script: (step, _, connection) => (step === "rset" && connection === 1 ? CUT : undefined) });
    const transport = openTransport(peer);
    await send(transport);
    expect((await send(transport)).end).toBe("completed");
    expect(peer.connections).toBe(2);
    expect(peer.taken).toHaveLength(2);
  });

  it("one that spoke unasked is not used again", async () => {
    const peer = await startPeer({
      script: (step, _, connection) => (step === "dot" && connection === 1 ? "250 taken\r\n421 4.3.2 closing soon" : undefined),
    });
    const transport = openTransport(peer);
    expect((await send(transport)).end).toBe("completed");
    expect((await send(transport)).end).toBe("completed");
    expect(peer.connections).toBe(2);
  });

  it("one that has carried enough says QUIT", async () => {
    const peer = await startPeer();
    const transport = openTransport(peer, { messages: 2 });
    for (let sent = 0; sent < 3; sent += 1) await send(transport);
    expect(peer.connections).toBe(2);
    await expect.poll(() => peer.commands.filter((line) => line === "QUIT")).toHaveLength(1);
  });

  it("one that nobody has used for a while says QUIT", async () => {
    const peer = await startPeer();
    const transport = openTransport(peer, { idleMs: 30 });
    await send(transport);
    await expect.poll(() => peer.open).toBe(0);
    expect(peer.commands.at(-1)).toBe("QUIT");
    expect((await send(transport)).end).toBe("completed");
    expect(peer.connections).toBe(2);
  });

  it("none free in time: nothing was said", async () => {
    const { promise: free, resolve } = Promise.withResolvers<undefined>();
    const peer = await startPeer({ script: (step) => (step === "dot" ? free : undefined) });
    const transport = openTransport(peer, { connections: 1, times: { envelope: 200 } });
    const first = send(transport);
    await expect.poll(() => peer.taken).toHaveLength(1);
    expect(await send(transport)).toMatchObject({
      end: "failed_before_data",
      claims: [],
      replies: [{ text: "no connection to the relay has become free (queue)" }],
    });
    resolve(undefined);
    expect((await first).end).toBe("completed");
    expect((await send(transport)).end).toBe("completed");
  });

  it("whoever waits for one can be cancelled, and its place goes to the next", async () => {
    const { promise: free, resolve } = Promise.withResolvers<undefined>();
    const peer = await startPeer({ script: (step) => (step === "dot" && peer.taken.length === 1 ? free : undefined) });
    const transport = openTransport(peer, { connections: 1 });
    const first = send(transport);
    await expect.poll(() => peer.taken).toHaveLength(1);
    const cancel = new AbortController();
    const second = send(transport, { signal: cancel.signal });
    const third = send(transport);
    cancel.abort();
    expect(await second).toMatchObject({ end: "failed_before_data", claims: [] });
    resolve(undefined);
    expect((await first).end).toBe("completed");
    expect((await third).end).toBe("completed");
    expect(peer.taken).toHaveLength(2);
  });

  it("a failed connection does not keep its place", async () => {
    const peer = await startPeer({ script: (step) => (step === "connect" ? CUT : undefined) });
    const transport = openTransport(peer, { connections: 1, times: QUICK });
    for (let tried = 0; tried < 3; tried += 1) expect((await send(transport)).end).toBe("failed_before_data");
    peer.script = () => undefined;
    expect((await send(transport)).end).toBe("completed");
  });
});

describe("closing", () => {
  it("says QUIT on what is idle and takes no more mail", async () => {
    const peer = await startPeer();
    const transport = openTransport(peer);
    await send(transport);
    await transport.close();
    expect(peer.commands.at(-1)).toBe("QUIT");
    expect(await send(transport)).toMatchObject({ end: "failed_before_data", claims: [] });
    await expect.poll(() => peer.open).toBe(0);
  });

  it("cuts what is under way: after the final dot its fate is unknown", async () => {
    const { promise: never } = Promise.withResolvers<undefined>();
    const peer = await startPeer({ script: (step) => (step === "dot" ? never : undefined) });
    const transport = openTransport(peer);
    const sending = send(transport);
    await expect.poll(() => peer.taken).toHaveLength(1);
    await transport.close();
    expect((await sending).end).toBe("unknown");
  });
});
