import fc from "fast-check";
import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TenantId } from "../../src/model/ids.ts";
import { type SmtpClient, stuffed } from "../support/smtp-client.ts";
import { delivering, eventually, gateThat, World } from "./world.ts";
import { decided } from "./decisions.ts";

const TO = "assistant@acme.example";
let world: World;
let tenant: TenantId;

beforeAll(async () => {
  world = await World.create();
  tenant = await world.tenant("acme");
  await world.mailbox(tenant, TO);
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

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe("the bytes of a message", () => {
  it("PB-09 what is stored is what was sent, whatever the lines and however TCP cuts them", async () => {
    const { gate, client } = await world.open({ limits: { repliesWithoutMessage: 100_000 } });
    const peer = await client();
    const line = fc.string({ unit: fc.constantFrom(".", "..", "a", "\t", "é", "\u0001"), maxLength: 12 });
    const message = fc.array(line, { maxLength: 12 }).map((lines) => lines.map((text) => `${text}\r\n`).join(""));
    await fc.assert(
      fc.asyncProperty(message, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }), async (text, cuts) => {
        await atData(peer);
        const bytes = stuffed(text);
        let from = 0;
        for (const cut of cuts) {
          await peer.push(bytes.subarray(from, (from += cut)));
          await new Promise(setImmediate);
        }
        peer.write(bytes.subarray(from));
        await peer.expect("250 2.0.0");
        const stored = await world.blobs.get(tenant, gate.received.at(-1)!.ref.digest);
        expect(stored?.toString("latin1")).toBe(text);
      }),
      {
        numRuns: 150,
        examples: [
          ["", []],
          [".\r\n", [1, 1, 1]],
          ["..\r\n.\r\n", [1, 1, 1, 1, 1]],
          ["\r\n.\r\n.\r\n", [2, 1, 2]],
          [".a\r\n", []],
        ],
      },
    );
  });

  it("takes 8-bit bytes as they are, with and without BODY=8BITMIME", async () => {
    const { gate, client } = await world.open();
    const message = Buffer.concat([
      Buffer.from("Subject: x\r\n\r\n"),
      Buffer.from(Array.from({ length: 242 }, (_, index) => index + 14)),
      Buffer.from("\r\n"),
    ]);
    expect(await (await client()).send({ to: [TO], data: message })).toMatch(/^250 /);
    expect(gate.received[0]?.ref).toEqual({ digest: sha256(message), size: message.length });
  });

  it("DESIGN §9.2 the blob is durable before anybody judges", async () => {
    const gate = gateThat(async ({ ref, message }) => {
      expect((await world.blobs.get(tenant, ref.digest))?.length).toBe(ref.size);
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate });
    expect(await (await client()).send({ to: [TO], data: "durable: yes\r\n\r\n" })).toMatch(/^250 2\.0\.0/);
  });

  it("a message of exactly the size limit is taken, one byte more is 552 5.3.4 and leaves nothing", async () => {
    const { gate, client } = await world.open({ limits: { size: 200_000 } });
    const peer = await client();
    const full = Buffer.from(`Subject: full\r\n\r\n${"x".repeat(70)}\r\n`.padEnd(199_998, "y") + "\r\n");
    expect(full.length).toBe(200_000);
    expect(await peer.send({ to: [TO], data: full })).toMatch(/^250 2\.0\.0/);
    expect(await peer.send({ to: [TO], data: Buffer.concat([Buffer.from("X"), full]) })).toMatch(/^552 5\.3\.4 /);
    expect(await peer.command("NOOP")).toMatch(/^250/);
    expect(gate.received).toHaveLength(1);
    expect(await world.temporaryFiles()).toEqual([]);
  });

  it("reads an endless message to its dot without keeping it, and counts dots as they were meant", async () => {
    const { gate, client } = await world.open({ limits: { size: 1_000 } });
    const peer = await client();
    const dots = `Subject: d\r\n\r\n${".\r\n".repeat(300)}`;
    expect(dots.length).toBeLessThan(1_000);
    expect(stuffed(dots).length).toBeGreaterThan(1_000);
    expect(await peer.send({ to: [TO], data: dots })).toMatch(/^250/);
    expect(await peer.send({ to: [TO], data: "x".repeat(998).concat("\r\n").repeat(5_000) })).toMatch(/^552 5\.3\.4/);
    expect(gate.received).toHaveLength(1);
  });

  it("a declared SIZE over the limit is 552 5.3.4 at MAIL", async () => {
    const { client } = await world.open({ limits: { size: 1_000 } });
    const peer = await client();
    expect(await peer.command("MAIL FROM:<a@client.example> SIZE=1001")).toMatch(/^552 5\.3\.4/);
    expect(await peer.command("MAIL FROM:<a@client.example> SIZE=1000")).toMatch(/^250/);
  });

  it("25 MiB pass, 25 MiB and a byte do not", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    const line = `${"z".repeat(998)}\r\n`;
    const message = Buffer.from("Subject: big\r\n\r\n" + line.repeat(26_215)).subarray(0, 26_214_398);
    const full = Buffer.concat([message, Buffer.from("\r\n")]);
    expect(await peer.send({ to: [TO], data: full })).toMatch(/^250 2\.0\.0/);
    expect(gate.received[0]?.ref).toEqual({ digest: sha256(full), size: 26_214_400 });
    expect(await peer.send({ to: [TO], data: Buffer.concat([message, Buffer.from("z\r\n")]) })).toMatch(/^552 5\.3\.4/);
  });

  it("limits of the header are told after the dot", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    expect(await peer.send({ to: [TO], data: `${"Received: x\r\n".repeat(101)}\r\n` })).toMatch(/^554 5\.4\.6/);
    expect(await peer.send({ to: [TO], data: `${"X: y\r\n".repeat(1_001)}\r\n` })).toMatch(/^552 5\.3\.4/);
    expect(await peer.send({ to: [TO], data: `X: ${"y".repeat(65_536)}\r\n\r\n` })).toMatch(/^552 5\.3\.4/);
    expect(await peer.send({ to: [TO], data: `X: ${"y".repeat(2_000)}\r\n\r\n` })).toMatch(/^250/);
    expect(gate.received).toHaveLength(1);
  });
});

describe("end of data", () => {
  // What other servers took for the final dot, each followed by what the attacker wants to be a second transaction.
  const VARIANTS = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r.\n",
    "\n.\r",
    "\r\n\u0000.\r\n",
    "\r\n.\u0000\r\n",
    "\u0000\r\n.\n",
  ];

  it.each(VARIANTS.map((variant) => [JSON.stringify(variant), variant] as const))(
    "MB-14 %s is no end of data, and 550 5.6.11",
    async (_name, variant) => {
      const { gate, client } = await world.open();
      const peer = await client();
      const smuggled = `MAIL FROM:<admin@acme.example>\r\nRCPT TO:<${TO}>\r\nDATA\r\nsmuggled\r\n`;
      await atData(peer);
      peer.write(`Subject: outer\r\n\r\nouter${variant}${smuggled}.\r\n`);
      expect(await peer.reply()).toMatch(/^550 5\.6\.11 /);
      expect(await peer.command("NOOP")).toMatch(/^250/);
      expect(peer.unread).toBe("");
      expect(gate.received).toEqual([]);
      expect(await world.temporaryFiles()).toEqual([]);
    },
  );

  it.each(VARIANTS.map((variant) => [JSON.stringify(variant), variant] as const))(
    "%s sent byte by byte is none either",
    async (_name, variant) => {
      const { gate, client } = await world.open();
      const peer = await client();
      await atData(peer);
      for (const byte of `x${variant}y\r\n.\r\n`) {
        await peer.push(byte);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(await peer.reply()).toMatch(/^550 5\.6\.11 /);
      expect(gate.received).toEqual([]);
    },
  );

  it("a dot-stuffed dot is content wherever TCP cuts it", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    await atData(peer);
    for (const piece of ["..", "\r\n", "NOOP\r\n", "..", "\r\n", ".", "\r\n"]) {
      await peer.push(piece);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await peer.reply()).toMatch(/^250 2\.0\.0/);
    expect((await world.blobs.get(tenant, gate.received[0]!.ref.digest))?.toString()).toBe(".\r\nNOOP\r\n.\r\n");
  });

  it.each([
    ["bare CR", "a\rb"],
    ["bare LF", "a\nb"],
    ["NUL", "a\u0000b"],
    ["a CR before the final CRLF", "a\r"],
  ])("%s in header or body is 550 5.6.11, also at the edge of a chunk", async (_name, text) => {
    const { client } = await world.open();
    const peer = await client();
    for (const message of [`X: ${text}\r\n\r\nbody\r\n`, `X: y\r\n\r\n${text}\r\n`]) {
      expect(await peer.send({ to: [TO], data: message })).toMatch(/^550 5\.6\.11/);
      await atData(peer);
      const at = message.indexOf(text) + 1;
      for (const piece of [message.slice(0, at), message.slice(at, at + 1), message.slice(at + 1)]) {
        await peer.push(piece);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      peer.write(".\r\n");
      expect(await peer.reply()).toMatch(/^550 5\.6\.11/);
    }
  });
});

describe("trouble during DATA", () => {
  it("a peer that leaves in the middle leaves no temporary file and no judgement", async () => {
    const { gate, client } = await world.open();
    const peers = await Promise.all(Array.from({ length: 5 }, () => client()));
    for (const peer of peers) {
      await atData(peer);
      await peer.push("Subject: half\r\n\r\n" + `${"x".repeat(900)}\r\n`.repeat(400));
    }
    await eventually(async () => (await world.temporaryFiles()).length === 5);
    for (const peer of peers.slice(0, 3)) peer.destroy();
    for (const peer of peers.slice(3)) peer.end();
    await eventually(async () => (await world.temporaryFiles()).length === 0);
    expect(gate.received).toEqual([]);
  });

  it("a disk that fails on the way is 451 4.3.1, and the session goes on", async () => {
    const broken = { ...world.blobs, create: () => Promise.reject(new Error("ENOSPC")) };
    const { client } = await world.open({ blobs: broken });
    const peer = await client();
    expect(await peer.send({ to: [TO], data: `Subject: x\r\n\r\n${"y\r\n".repeat(200_000)}` })).toMatch(/^451 4\.3\.1/);
    expect(await peer.command("NOOP")).toMatch(/^250/);
  });

  it("a disk that fails at the commit is 451 4.3.1, with nothing judged", async () => {
    const gate = delivering();
    const blobs = {
      ...world.blobs,
      async create(owner: TenantId) {
        return { ...(await world.blobs.create(owner)), commit: () => Promise.reject(new Error("EIO")) };
      },
    };
    const { client } = await world.open({ blobs, gate });
    expect(await (await client()).send({ to: [TO], data: "Subject: x\r\n\r\n" })).toMatch(/^451 4\.3\.1/);
    expect(gate.received).toEqual([]);
    expect(await world.temporaryFiles()).toEqual([]);
  });

  it("a peer is not read faster than the disk writes", async () => {
    const held = Promise.withResolvers<void>();
    let taken = 0;
    const blobs = {
      ...world.blobs,
      async create(owner: TenantId) {
        const writer = await world.blobs.create(owner);
        return {
          ...writer,
          async write(chunk: Buffer) {
            taken += chunk.length;
            await held.promise;
            await writer.write(chunk);
          },
        };
      },
    };
    const { client } = await world.open({ blobs });
    const peer = await client();
    await atData(peer);
    peer.write("Subject: slow\r\n\r\n");
    const sending = peer.push(Buffer.alloc(20_000_000, `${"x".repeat(98)}\r\n`));
    await eventually(() => taken > 0);
    const before = process.memoryUsage().arrayBuffers;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(taken).toBeLessThan(200_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
    held.resolve();
    await sending;
    peer.write(".\r\n");
    expect(await peer.reply()).toMatch(/^250/);
  });
});
