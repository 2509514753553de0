import { createServer } from "node:net";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SmtpClient } from "../support/smtp-client.ts";
import { decided } from "./decisions.ts";
import { eventually, gateThat, World } from "./world.ts";

const TO = "assistant@acme.example";
const MAIL = "Subject: x\r\n\r\n";
let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.mailbox(await world.tenant("acme"), TO);
});
afterEach(() => world.closeDoors());
afterAll(() => world.destroy());

async function atData(peer: SmtpClient): Promise<void> {
  await peer.play(`
    C: MAIL FROM:<a@client.example>
    S: 250
    C: RCPT TO:<${TO}>
    S: 250
    C: DATA
    S: 354`);
}

describe("closing the door", () => {
  it("tells idle sessions 421 at once, and is done when they are gone", async () => {
    const { listener, port, client } = await world.open();
    const idle = await client();
    const between = await client();
    await between.command("MAIL FROM:<a@client.example>", "250");
    const closing = listener.close();
    expect(await idle.reply()).toMatch(/^421 4\.3\.2/);
    expect(await between.reply()).toMatch(/^421 4\.3\.2/);
    await closing;
    await expect(SmtpClient.connect(port)).rejects.toThrow("ECONNREFUSED");
  });

  it("lets a message in the middle of DATA and a judgement in flight come to their answer", async () => {
    const held = Promise.withResolvers<void>();
    const gate = gateThat(async ({ message }) => {
      await held.promise;
      return decided("delivered", message);
    });
    const { listener, client } = await world.open({ gate });
    const judged = await client();
    const reading = await client();
    const answer = judged.send({ to: [TO], data: MAIL });
    await atData(reading);
    await eventually(() => gate.received.length === 1);
    const closing = listener.close();
    reading.write(`${MAIL}second: yes\r\n.\r\n`);
    await eventually(() => gate.received.length === 2);
    held.resolve();
    expect(await answer).toMatch(/^250 2\.0\.0/);
    expect(await reading.reply()).toMatch(/^250 2\.0\.0/);
    expect(await judged.reply()).toMatch(/^421 4\.3\.2/);
    expect(await reading.reply()).toMatch(/^421 4\.3\.2/);
    await closing;
  });

  it("gives a stuck sender and a stuck judgement 421 when the time is over, within 10 s and without a trace", async () => {
    const gate = gateThat(() => new Promise(() => {}));
    const { listener, client } = await world.open({ gate, limits: { drainMs: 300 } });
    const stalled = await client();
    await atData(stalled);
    await stalled.push(`${MAIL}${"x".repeat(900)}\r\n`.repeat(100));
    const waiting = await client();
    await atData(waiting);
    waiting.write(`${MAIL}.\r\n`);
    await eventually(() => gate.received.length === 1);
    const started = performance.now();
    const closing = listener.close();
    expect(await stalled.reply()).toMatch(/^421 4\.3\.2/);
    expect(await waiting.reply()).toMatch(/^421 4\.3\.2/);
    await closing;
    expect(performance.now() - started).toBeLessThan(10_000);
    await eventually(async () => (await world.temporaryFiles()).length === 0);
  });

  it("does not wait for a peer that never closes its side", async () => {
    const { listener, port } = await world.open({ limits: { drainMs: 300 } });
    const peer = await SmtpClient.connect(port);
    await peer.expect("220");
    peer.pause();
    const started = performance.now();
    await listener.close();
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("twice is once", async () => {
    const { listener } = await world.open();
    await Promise.all([listener.close(), listener.close()]);
    await expect(listener.close()).resolves.toBeUndefined();
  });

  it("a port in use stops the start with the way out", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    await expect(world.open({ port })).rejects.toMatchObject({
      code: "invalid_config",
      message: `smtp cannot listen on \`127.0.0.1:${port}\`: EADDRINUSE`,
    });
    taken.close();
  });
});
