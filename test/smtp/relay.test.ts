import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { SmtpClient } from "../support/smtp-client.ts";
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

async function relay(client: (helo?: string) => Promise<SmtpClient>, attributes: string): Promise<SmtpClient> {
  const peer = await client("relay.example");
  await peer.command(`XCLIENT ${attributes}`, "220 ");
  await peer.command("EHLO real.example", "250");
  return peer;
}

describe("a trusted relay", () => {
  it.each([["127.0.0.0/8"], ["127.0.0.1"], ["::ffff:127.0.0.1"], ["10.0.0.0/8,127.0.0.1/32"]])(
    "in %s states whom it speaks for",
    async (list) => {
      const { gate, client } = await world.open({ trustedRelays: list.split(",") });
      const peer = await relay(client, "ADDR=192.0.2.55 NAME=real.example");
      expect(await peer.send({ to: [TO], data: MAIL })).toMatch(/^250/);
      expect(gate.received[0]?.envelope).toMatchObject({ ip: "192.0.2.55", helo: "real.example" });
    },
  );

  it.each([
    ["ADDR=IPV6:2001:DB8:0::7", "2001:db8::7"],
    ["ADDR=IPV6:::ffff:192.0.2.9", "192.0.2.9"],
    ["ADDR=192.0.2.9 PORT=25 PROTO=ESMTP LOGIN=someone", "192.0.2.9"],
  ])("`XCLIENT %s` is %s", async (attributes, ip) => {
    const { gate, client } = await world.open({ trustedRelays: ["127.0.0.1"] });
    await (await relay(client, attributes)).send({ to: [TO], data: MAIL });
    expect(gate.received[0]?.envelope.ip).toBe(ip);
  });

  it("may state its client's HELO", async () => {
    const { gate, client } = await world.open({ trustedRelays: ["127.0.0.1"] });
    await (await relay(client, "ADDR=192.0.2.9 HELO=Client.Example")).send({ to: [TO], data: MAIL });
    expect(gate.received[0]?.envelope.helo).toBe("client.example");
  });

  it("speaks for one client per connection: a second XCLIENT is 550", async () => {
    const { client } = await world.open({ trustedRelays: ["127.0.0.0/8", "192.0.2.0/24"] });
    const peer = await relay(client, "ADDR=192.0.2.9");
    expect(await peer.command("XCLIENT ADDR=192.0.2.10")).toMatch(/^550 5\.7\.0/);
  });

  it.each(["ADDR=nonsense", "ADDR=192.0.2.9 NAME=a+0D+0Ab", "WHAT=x", ""])("`XCLIENT %s` changes nothing", async (attributes) => {
    const { gate, client } = await world.open({ trustedRelays: ["127.0.0.1"] });
    const peer = await client();
    expect(await peer.command(`XCLIENT ${attributes}`)).toMatch(/^501/);
    await peer.send({ to: [TO], data: MAIL });
    expect(gate.received[0]?.envelope.ip).toBe("127.0.0.1");
  });

  it("must not change the client in the middle of a transaction", async () => {
    const { client } = await world.open({ trustedRelays: ["127.0.0.1"] });
    const peer = await client();
    await peer.command("MAIL FROM:<a@client.example>", "250");
    expect(await peer.command("XCLIENT ADDR=192.0.2.9")).toMatch(/^503/);
  });

  it("uses XFORWARD as a proxy in front of a filter does", async () => {
    const { gate, client } = await world.open({ trustedRelays: ["127.0.0.1"] });
    const peer = await client("relay.example");
    await peer.command("XFORWARD ADDR=192.0.2.77 HELO=real.example NAME=[UNAVAILABLE]", "250");
    await peer.send({ to: [TO], data: MAIL });
    expect(gate.received[0]?.envelope).toMatchObject({ ip: "192.0.2.77", helo: "real.example" });
  });

  it("is not bounded per peer", async () => {
    const { client } = await world.open({ trustedRelays: ["127.0.0.1"], limits: { connectionsPerPeer: 2, judgementsPerPeer: 2 } });
    const peers = await Promise.all(Array.from({ length: 6 }, () => client()));
    const replies = await Promise.all(peers.map((peer, index) => peer.send({ to: [TO], data: `Subject: ${index}\r\n\r\n` })));
    expect(replies.every((reply) => reply.startsWith("250"))).toBe(true);
  });

  it("brings clients that are bounded each on its own", async () => {
    const held = Promise.withResolvers<void>();
    const gate = gateThat(async ({ message }) => {
      await held.promise;
      return decided("delivered", message);
    });
    const { client } = await world.open({ gate, trustedRelays: ["127.0.0.1"], limits: { judgementsPerPeer: 1 } });
    const first = (await relay(client, "ADDR=192.0.2.1")).send({ to: [TO], data: MAIL });
    await eventually(() => gate.received.length === 1);
    expect(await (await relay(client, "ADDR=192.0.2.1")).send({ to: [TO], data: "X: same\r\n\r\n" })).toMatch(/^451 4\.3\.2/);
    const other = (await relay(client, "ADDR=192.0.2.2")).send({ to: [TO], data: "X: other\r\n\r\n" });
    await eventually(() => gate.received.length === 2);
    held.resolve();
    expect(await Promise.all([first, other])).toEqual([expect.stringMatching(/^250/), expect.stringMatching(/^250/)]);
  });
});

describe("anybody else", () => {
  it.each([[[]], [["192.0.2.0/24", "2001:db8::/32"]], [["::/0"]]])(
    "with the list %j is offered neither and told 550",
    async (trustedRelays) => {
      const { gate, client } = await world.open({ trustedRelays });
      const peer = await client();
      expect(await peer.command("EHLO client.example")).not.toMatch(/XCLIENT|XFORWARD/);
      expect(await peer.command("XCLIENT ADDR=192.0.2.9")).toMatch(/^550 5\.7\.0/);
      expect(await peer.command("XFORWARD ADDR=192.0.2.9")).toMatch(/^550 5\.7\.0/);
      await peer.send({ to: [TO], data: MAIL });
      expect(gate.received[0]?.envelope.ip).toBe("127.0.0.1");
    },
  );

  it("a list that cannot be read stops the start", async () => {
    await expect(world.open({ trustedRelays: ["127.0.0.1", "relay.example"] })).rejects.toMatchObject({ code: "invalid_config" });
  });
});
