import { X509Certificate } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { selfSigned } from "../support/certificate.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { eventually, World } from "./world.ts";

const TO = "assistant@acme.example";
const MAIL = "Subject: x\r\n\r\n";
const own = selfSigned("mx.acme.example");
const trusting = { ca: own.cert, servername: "mx.acme.example" };
let world: World;

beforeAll(async () => {
  world = await World.create();
  await world.mailbox(await world.tenant("acme"), TO);
});
afterEach(() => world.closeDoors());
afterAll(() => world.destroy());

describe("STARTTLS", () => {
  it("MB-14 works with the operator's certificate, and the session starts over inside", async () => {
    const { gate, client } = await world.open({ tls: own });
    const peer = await client("outside.example");
    await peer.command("MAIL FROM:<outside@client.example>", "250");
    await peer.startTls(trusting);
    expect(await peer.command("RCPT TO:<assistant@acme.example>")).toMatch(/^503/);
    expect(await peer.command("EHLO inside.example")).not.toMatch(/STARTTLS|AUTH/);
    expect(await peer.send({ from: "inside@client.example", to: [TO], data: MAIL })).toMatch(/^250 2\.0\.0/);
    expect(gate.received[0]?.envelope).toMatchObject({ helo: "inside.example", sender: "inside@client.example" });
  });

  it("is offered only with a certificate; the library's own is never shown", async () => {
    const without = await (await world.open()).client();
    expect(await without.command("EHLO client.example")).not.toContain("STARTTLS");
    expect(await without.command("STARTTLS")).toMatch(/^500/);
    const withOne = await (await world.open({ tls: own })).client();
    expect(await withOne.command("EHLO client.example")).toContain("STARTTLS");
    expect(new X509Certificate(own.cert).subject).toBe("CN=mx.acme.example");
  });

  it("what is sent in plain text behind STARTTLS never runs inside", async () => {
    const { gate, port } = await world.open({ tls: own });
    const peer = await SmtpClient.connect(port);
    await peer.expect("220");
    await peer.command("EHLO client.example", "250");
    await peer.startTls({ ...trusting }, "EHLO evil.example\r\nMAIL FROM:<evil@client.example>\r\n");
    expect(await peer.command("RCPT TO:<assistant@acme.example>")).toMatch(/^503/);
    await peer.command("EHLO client.example", "250");
    expect(await peer.send({ from: "good@client.example", to: [TO], data: MAIL })).toMatch(/^250/);
    expect(gate.received.map(({ envelope }) => envelope.sender)).toEqual(["good@client.example"]);
  });

  it("old protocol versions are refused", async () => {
    const { client } = await world.open({ tls: own });
    const peer = await client();
    await expect(
      peer.startTls({ ...trusting, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    ).rejects.toThrow();
  });

  it("places and the idle limit hold through TLS, failed handshakes included", async () => {
    const { port, client } = await world.open({ tls: own, limits: { connectionsPerPeer: 2, idleMs: 300 } });
    for (let round = 0; round < 3; round += 1) {
      const peer = await client();
      await peer.startTls(trusting);
      await peer.command("EHLO inside.example", "250");
      peer.end();
      await peer.closed();
      const failing = await client();
      await failing.command("STARTTLS", "220");
      failing.write("this is not a handshake\r\n");
      await failing.closed();
    }
    const stalled = [await client(), await client()];
    for (const peer of stalled) await peer.command("STARTTLS", "220");
    await Promise.all(stalled.map((peer) => peer.closed()));
    await eventually(async () => {
      const peer = await SmtpClient.connect(port);
      const reply = await peer.reply();
      peer.end();
      return reply.startsWith("220");
    });
    expect(await (await client()).command("NOOP")).toMatch(/^250/);
  });
});
