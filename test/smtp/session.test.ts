import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SmtpClient } from "../support/smtp-client.ts";
import { eventually, World } from "./world.ts";

const MAIL = "From: a@client.example\r\n\r\nhello\r\n";
let world: World;

beforeAll(async () => {
  world = await World.create();
  const acme = await world.tenant("acme");
  await world.mailbox(acme, "assistant@acme.example", "info@acme.example");
  await world.mailbox(acme, "postmaster@mx.acme.example");
  await world.mailbox(acme, "odd+name@acme.example");
  await world.mailbox(await world.tenant("other"), "agent@other.example");
});
afterEach(() => world.closeDoors());
afterAll(() => world.destroy());

describe("a session", () => {
  it("MB-14 takes a message over plain SMTP, and two in one session", async () => {
    const { port, gate } = await world.open();
    const client = await SmtpClient.connect(port);
    await client.play(`
      S: 220 mx.acme.example ESMTP
      C: EHLO client.example
      S: 250-mx.acme.example
      C: MAIL FROM:<sender@client.example>
      S: 250 2.1.0
      C: RCPT TO:<assistant@acme.example>
      S: 250 2.1.5
      C: DATA
      S: 354 `);
    client.write(`${MAIL}.\r\n`);
    await client.expect("250 2.0.0 accepted as msg_");
    expect(await client.send({ to: ["assistant@acme.example"], data: `Subject: second\r\n\r\n` })).toMatch(/^250 2\.0\.0 accepted as msg_/);
    await client.play(`
      C: QUIT
      S: 221 2.0.0`);
    await client.closed();
    expect(gate.received.map(({ envelope }) => envelope)).toEqual([
      { ip: "127.0.0.1", helo: "client.example", sender: "sender@client.example", recipient: "assistant@acme.example" },
      { ip: "127.0.0.1", helo: "client.example", sender: "sender@client.example", recipient: "assistant@acme.example" },
    ]);
  });

  it("offers SIZE, PIPELINING, 8BITMIME and enhanced codes, and nothing it cannot keep", async () => {
    const { port } = await world.open({ limits: { size: 12345 } });
    const client = await SmtpClient.connect(port);
    await client.expect("220 ");
    const ehlo = await client.command("EHLO client.example", "250");
    expect(ehlo.split("\n").map((line) => line.slice(4))).toEqual([
      "mx.acme.example",
      "PIPELINING",
      "8BITMIME",
      "ENHANCEDSTATUSCODES",
      "SIZE 12345",
    ]);
  });

  it("greets at once", async () => {
    const { port } = await world.open();
    const times = [];
    for (let round = 0; round < 5; round += 1) {
      const started = performance.now();
      const client = await SmtpClient.connect(port);
      await client.expect("220 ");
      times.push(performance.now() - started);
      client.end();
    }
    expect(Math.min(...times)).toBeLessThan(80);
  });

  it("accepts the null sender, and a bare postmaster of this host", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    expect(await peer.send({ from: "", to: ["postmaster"], data: MAIL })).toMatch(/^250 /);
    expect(gate.received[0]?.envelope).toMatchObject({ sender: "", recipient: "postmaster" });
  });

  it("PB-03 aliases and tags reach the mailbox; an exact address wins over cutting the tag", async () => {
    const { client } = await world.open();
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<Info@Acme.EXAMPLE>
      S: 250 2.1.5
      C: RCPT TO:<assistant+news+weekly@acme.example>
      S: 250 2.1.5
      C: RCPT TO:<odd+name@acme.example>
      S: 250 2.1.5`);
    expect(await peer.command("RCPT TO:<odd@acme.example>")).toMatch(/^550 5\.1\.1 /);
  });

  it("an unknown recipient is 550 5.1.1 at RCPT, and the others go on", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<nobody@acme.example>
      S: 550 5.1.1 no such mailbox here
      C: RCPT TO:<assistant@elsewhere.example>
      S: 550 5.1.1
      C: DATA
      S: 503 5.5.1
      C: RCPT TO:<assistant@acme.example>
      S: 250
      C: DATA
      S: 354`);
    peer.write(`${MAIL}.\r\n`);
    await peer.expect("250 ");
    expect(gate.received).toHaveLength(1);
  });

  it("RSET and EHLO forget the transaction", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<one@client.example>
      S: 250
      C: RCPT TO:<assistant@acme.example>
      S: 250
      C: RSET
      S: 250
      C: DATA
      S: 503
      C: MAIL FROM:<two@client.example>
      S: 250
      C: RCPT TO:<agent@other.example>
      S: 250
      C: EHLO client.example
      S: 250
      C: RCPT TO:<assistant@acme.example>
      S: 503`);
    await peer.send({ from: "three@client.example", to: ["assistant@acme.example"], data: MAIL });
    expect(gate.received.map(({ envelope }) => envelope.sender)).toEqual(["three@client.example"]);
  });

  it("takes pipelined commands, also those behind the final dot", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    const commands = "MAIL FROM:<a@client.example>\r\nRCPT TO:<assistant@acme.example>\r\nDATA\r\n";
    peer.write(commands);
    for (const prefix of ["250 ", "250 ", "354 "]) await peer.expect(prefix);
    peer.write(`${MAIL}.\r\n${commands}`);
    for (const prefix of ["250 2.0.0", "250 ", "250 ", "354 "]) await peer.expect(prefix);
    peer.write(`X: 2\r\n${MAIL}.\r\nQUIT\r\n`);
    for (const prefix of ["250 2.0.0", "221 "]) await peer.expect(prefix);
    expect(new Set(gate.received.map(({ message }) => message)).size).toBe(2);
  });

  it("MB-18 recipients of two tenants are told to come separately", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<agent@other.example>
      S: 250
      C: RCPT TO:<assistant@acme.example>
      S: 452 4.5.3
      C: DATA
      S: 354`);
    peer.write(`${MAIL}.\r\n`);
    await peer.expect("250 ");
    expect(gate.received.map(({ envelope }) => envelope.recipient)).toEqual(["agent@other.example"]);
  });

  it("an unreachable store is 451 4.3.0 at RCPT", async () => {
    const { client, logged } = await world.open({ store: { run: () => Promise.reject(new Error("no route to assistant@acme.example")) } });
    const peer = await client();
    await peer.command("MAIL FROM:<a@client.example>", "250");
    await peer.command("RCPT TO:<assistant@acme.example>", "451 4.3.0");
    expect(logged.join()).toContain("recipient look-up failed");
    expect(logged.join()).not.toContain("@");
  });

  it.each([
    ["MAIL FROM:<ä@client.example>", "553 5.6.7"],
    ["MAIL FROM:<a@client.example> SMTPUTF8", "555 5.5.4"],
    ["MAIL FROM:<a@client.example> RET=FULL", "555 5.5.4"],
    ["MAIL FROM:<a@client.example> BODY=BINARYMIME", "501"],
    ["MAIL FROM:<a@client.example> BODY=8BITMIME", "250"],
    ["MAIL FROM: a@client.example", "501 5.1.7"],
    ["MAIL FROM:<a@b@client.example>", "501 5.1.7"],
    ["MAIL FROM:<a@client..example>", "501 5.1.7"],
    ["MAIL FROM:<a\u0000b@client.example>", "501 5.1.7"],
    ["MAIL FROM:<a@client.example> X=+0D+0A", "501 5.1.7"],
    ["AUTH PLAIN AGEAYg==", "500 5.5.2"],
    ["STARTTLS", "500 5.5.2"],
    ["WIZ x", "500 5.5.2"],
    ["VRFY assistant@acme.example", "252 2.1.5"],
    ["EXPN list", "500 5.5.2"],
  ])("`%s` is answered %s", async (command, reply) => {
    const { client } = await world.open();
    const peer = await client();
    expect((await peer.command(command)).startsWith(reply)).toBe(true);
  });

  it("a recipient with parameters or outside ASCII is refused", async () => {
    const { client } = await world.open();
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<assistant@acme.example> NOTIFY=NEVER
      S: 555 5.5.4
      C: RCPT TO:<é@acme.example>
      S: 553 5.6.7`);
    expect(await peer.command("RCPT TO:<>")).toMatch(/^501 5\.1\.3 /);
  });

  it("keeps A-labels as they were sent", async () => {
    const { gate, client } = await world.open();
    await (await client()).send({ from: "a@XN--BCHER-KVA.example", to: ["assistant@acme.example"], data: MAIL });
    expect(gate.received[0]?.envelope.sender).toBe("a@xn--bcher-kva.example");
  });

  it("tells logs and metrics nothing about who wrote to whom", async () => {
    const { client, logged, registry } = await world.open();
    const peer = await client("secret-helo.example");
    await peer.send({
      from: "secret-sender@client.example",
      to: ["assistant@acme.example"],
      data: "Subject: secret-subject\r\n\r\nsecret-body\r\n",
    });
    peer.destroy();
    await eventually(() => logged.length > 0);
    const seen = logged.join("\n") + (await registry.metrics());
    expect(seen).toContain("msg_");
    for (const word of ["secret", "assistant", "acme", "127.0.0.1", "@"]) expect(seen).not.toContain(word);
    expect(seen).toMatch(/postern_smtp_replies_total\{code="250"\} [4-9]/);
  });
});

describe("limits of a session", () => {
  it("recipient 101 is 452 4.5.3, and the hundred are served", async () => {
    const { gate, client } = await world.open();
    const peer = await client();
    await peer.command("MAIL FROM:<a@client.example>", "250");
    for (let index = 0; index < 100; index += 1) await peer.command(`RCPT TO:<assistant+${index}@acme.example>`, "250");
    await peer.command("RCPT TO:<assistant+100@acme.example>", "452 4.5.3");
    await peer.command("RCPT TO:<ASSISTANT+0@acme.example>", "250");
    await peer.command("DATA", "354");
    peer.write(`${MAIL}.\r\n`);
    await peer.expect("250 2.0.0");
    expect(gate.received).toHaveLength(1);
  });

  it("connection 21 of one peer is 421 4.7.0, and a place that is left is free", async () => {
    const { port, client } = await world.open();
    const held = await Promise.all(Array.from({ length: 20 }, () => client()));
    const late = await SmtpClient.connect(port);
    expect(await late.reply()).toMatch(/^421 4\.7\.0 /);
    await late.closed();
    held[0]?.end();
    await held[0]?.closed();
    await eventually(async () => (await greeting(port)).startsWith("220 "));
  });

  it("connections over the total are 421 4.3.2", async () => {
    const { port, client } = await world.open({ limits: { connections: 3 } });
    await Promise.all([client(), client(), client()]);
    expect(await greeting(port)).toMatch(/^421 4\.3\.2 /);
  });

  it("the 10th protocol error ends the session with 421, whatever kind they are", async () => {
    const { client } = await world.open();
    const peer = await client();
    const errors = [
      "NONSENSE",
      "MAIL FROM:nobody",
      "RCPT TO:<a@b.example>",
      "EHLO",
      "DATA",
      "NONSENSE",
      "VRFY",
      "MAIL FROM:<a@b.example> RET=FULL",
      "HELO",
    ];
    for (const command of errors) await peer.command(command, "5");
    await peer.command("NONSENSE", "5");
    expect(await peer.reply()).toMatch(/^421 4\.7\.0 /);
    await peer.closed();
  });

  it("ten unknown commands in a row end it as well", async () => {
    const { client } = await world.open();
    const peer = await client();
    for (let index = 0; index < 9; index += 1) await peer.command("NONSENSE", "500 5.5.2");
    expect(await peer.command("NONSENSE")).toMatch(/^421 4\.7\.0 /);
    await peer.closed();
  });

  it("commands for ever without a message end with 421, and a message starts the count again", async () => {
    const { client } = await world.open({ limits: { repliesWithoutMessage: 12 } });
    const peer = await client();
    for (let index = 0; index < 6; index += 1) await peer.command("NOOP", "250");
    await peer.send({ to: ["assistant@acme.example"], data: MAIL });
    for (let index = 0; index < 11; index += 1) await peer.command("NOOP", "250");
    await peer.command("NOOP", "250");
    expect(await peer.reply()).toMatch(/^421 4\.7\.0 /);
  });

  it("an idle peer gets 421 4.4.2, between commands and in the middle of DATA", async () => {
    const { client } = await world.open({ limits: { idleMs: 150 } });
    const idle = await client();
    const stalled = await client();
    await stalled.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<assistant@acme.example>
      S: 250
      C: DATA
      S: 354`);
    stalled.write("Subject: never en");
    expect(await Promise.all([idle.reply(), stalled.reply()])).toEqual(Array(2).fill(expect.stringMatching(/^421 4\.4\.2 /)));
    await Promise.all([idle.closed(), stalled.closed()]);
    await eventually(async () => (await world.temporaryFiles()).length === 0);
  });

  it("a peer that drips a byte before every time-out is ended by the session's own limit", async () => {
    const { client } = await world.open({ limits: { idleMs: 200, sessionMs: 600 } });
    const peer = await client();
    await peer.play(`
      C: MAIL FROM:<a@client.example>
      S: 250
      C: RCPT TO:<assistant@acme.example>
      S: 250
      C: DATA
      S: 354`);
    const drip = setInterval(() => peer.write("x"), 50);
    expect(await peer.reply()).toMatch(/^421 4\.4\.2 /);
    clearInterval(drip);
    await peer.closed();
  });

  it("a command line without end is 421", async () => {
    const { client } = await world.open();
    const peer = await client();
    peer.write(`NOOP ${"x".repeat(5_000)}`);
    expect(await peer.reply()).toMatch(/^421 /);
    await peer.closed();
  });

  it("a web page that posts to the port is 421", async () => {
    const { port } = await world.open();
    const peer = await SmtpClient.connect(port);
    await peer.expect("220 ");
    peer.write("POST / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<a@client.example>\r\n");
    expect(await peer.reply()).toMatch(/^421 /);
    await peer.closed();
  });

  it("a disk below 1.5 times the size limit is 451 4.3.1 at MAIL, and so is one that cannot be asked", async () => {
    const full = await (await world.open({ limits: { size: 1000 }, freeBytes: () => Promise.resolve(1499) })).client();
    expect(await full.command("MAIL FROM:<a@client.example>")).toMatch(/^451 4\.3\.1 /);
    const enough = await (await world.open({ limits: { size: 1000 }, freeBytes: () => Promise.resolve(1500) })).client();
    await enough.command("MAIL FROM:<a@client.example>", "250");
    const broken = await (await world.open({ freeBytes: () => Promise.reject(new Error("statfs")) })).client();
    expect(await broken.command("MAIL FROM:<a@client.example>")).toMatch(/^451 4\.3\.1 /);
  });
});

async function greeting(port: number): Promise<string> {
  const peer = await SmtpClient.connect(port);
  const reply = await peer.reply();
  peer.end();
  return reply;
}
