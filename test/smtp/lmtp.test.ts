import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { SmtpClient, stuffed } from "../support/smtp-client.ts";
import { decided } from "./decisions.ts";
import { eventually, gateThat, World, type Opened, type OpenOptions } from "./world.ts";

const [ONE, TWO, THREE] = ["one@acme.example", "two@acme.example", "three@acme.example"];
const MAIL = "Subject: x\r\n\r\n";
let world: World;

beforeAll(async () => {
  world = await World.create();
  const tenant = await world.tenant("acme");
  await world.mailbox(tenant, ONE, "alias@acme.example");
  for (const address of [TWO, THREE]) await world.mailbox(tenant, address);
  await world.mailbox(await world.tenant("other"), "one@other.example");
});
afterEach(() => world.closeDoors());
afterAll(() => world.destroy());

function open(options: OpenOptions = {}): Promise<Opened> {
  return world.open({ protocol: "lmtp", ...options });
}

/** Past LHLO. */
async function greeted({ port }: Pick<Opened, "port">): Promise<SmtpClient> {
  const client = await SmtpClient.connect(port);
  await client.expect("220 ");
  await client.command("LHLO mta.acme.example", "250");
  return client;
}

/** One transaction; a reply for each recipient. */
async function hand(client: SmtpClient, to: readonly string[], data = MAIL, from = "sender@client.example"): Promise<string[]> {
  await client.command(`MAIL FROM:<${from}>`, "250");
  for (const address of to) await client.command(`RCPT TO:<${address}>`, "250");
  await client.command("DATA", "354");
  await client.push(stuffed(data));
  const replies: string[] = [];
  for (const _ of to) replies.push(await client.reply());
  return replies;
}

/** Delivers to the first mailbox, refuses the second and cannot decide on the third. */
function mixed() {
  return gateThat(({ message, envelope }) => {
    if (envelope.recipient.startsWith("two")) return decided("rejected_at_content_guard", message);
    if (envelope.recipient.startsWith("three")) return { kind: "deferred", reason: "dns_unavailable" };
    return decided("delivered", message);
  });
}

describe("MB-14 LMTP (RFC 2033)", () => {
  it("greets with LHLO, knows no HELO and offers pipelining and enhanced codes", async () => {
    const client = await SmtpClient.connect((await open()).port);
    expect(await client.expect("220 ")).toContain("LMTP");
    expect(await client.command("EHLO mta.example")).toMatch(/^500/);
    expect(await client.command("MAIL FROM:<a@b.example>")).toMatch(/^503/);
    const offered = await client.command("LHLO mta.example", "250");
    expect(offered.split("\n").map((line) => line.slice(4))).toEqual(
      expect.arrayContaining(["PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME"]),
    );
  });

  it("answers each recipient for itself, in the order they were given", async () => {
    const opened = await open({ gate: mixed() });
    const replies = await hand(await greeted(opened), [THREE, ONE, TWO]);
    expect(replies).toEqual([
      expect.stringMatching(/^451 4\.7\.1 /),
      expect.stringMatching(/^250 2\.1\.5 accepted as msg_/),
      expect.stringMatching(/^550 5\.7\.1 refused by the recipient's policy, reference msg_/),
    ]);
    expect(opened.gate.received.map(({ source }) => source)).toEqual(["lmtp", "lmtp", "lmtp"]);
  });

  it("RFC 2033 §4.2: a recipient given twice, and an alias of one, have replies of their own", async () => {
    const opened = await open({ gate: mixed() });
    const replies = await hand(await greeted(opened), [ONE, ONE, "alias@acme.example", TWO]);
    expect(replies.map((reply) => reply.slice(0, 3))).toEqual(["250", "250", "250", "550"]);
    expect(new Set(replies.slice(0, 3)).size).toBe(1);
    expect(opened.gate.received).toHaveLength(2);
  });

  it("the session goes on after replies of every kind, and a refused recipient at RCPT gets none after the dot", async () => {
    const client = await greeted(await open({ gate: mixed() }));
    await hand(client, [ONE, TWO, THREE]);
    await client.command("MAIL FROM:<a@client.example>", "250");
    expect(await client.command("RCPT TO:<nobody@acme.example>")).toMatch(/^550 5\.1\.1/);
    expect(await client.command("RCPT TO:<one@acme.example>")).toMatch(/^250/);
    expect(await client.command("RCPT TO:<one@other.example>")).toMatch(/^452 4\.5\.3/);
    await client.command("DATA", "354");
    await client.push(stuffed("Subject: second\r\n\r\n"));
    expect(await client.reply()).toMatch(/^250/);
    expect(await client.command("NOOP")).toMatch(/^250 2\.0\.0/);
  });

  it("what breaks a limit is refused to every recipient", async () => {
    const client = await greeted(await open());
    const replies = await hand(client, [ONE, TWO, THREE], "Subject: x\r\n\r\na\nb\r\n");
    expect(replies.map((reply) => reply.slice(0, 9))).toEqual(["550 5.6.1", "550 5.6.1", "550 5.6.1"]);
    expect(await client.command("NOOP")).toMatch(/^250/);
  });

  it("MB-11 each recipient has the receipt of what was said about it", async () => {
    const opened = await open({ gate: mixed(), trustedRelays: ["127.0.0.1"] });
    const client = await greeted(opened);
    await client.command("XFORWARD ADDR=192.0.2.7 HELO=client.example", "250");
    const replies = await hand(client, [ONE, TWO], "Subject: receipts\r\n\r\n");
    for (const [index, { tenant, message }] of opened.gate.received.entries()) {
      await eventually(async () => (await world.store.run("receipts.list", { tenant, message })).length === 1);
      const [receipt] = await world.store.run("receipts.list", { tenant, message });
      expect(receipt).toMatchObject({ peer: "192.0.2.7", helo: "client.example", reply: replies[index] });
    }
  });

  it("raw that some recipient took stays, raw that nobody took goes", async () => {
    const opened = await open({ gate: mixed() });
    const client = await greeted(opened);
    await hand(client, [ONE, TWO], "Subject: kept\r\n\r\n");
    await hand(client, [TWO, THREE], "Subject: gone\r\n\r\n");
    const [kept, , gone] = opened.gate.received;
    await eventually(async () => (await world.blobs.get(gone!.tenant, gone!.ref.digest)) === null);
    expect(await world.blobs.get(kept!.tenant, kept!.ref.digest)).not.toBeNull();
  });

  it("closing gives every recipient its reply before it says 421", async () => {
    const held = Promise.withResolvers<void>();
    const gate = gateThat(async ({ message }) => {
      await held.promise;
      return decided("delivered", message);
    });
    const opened = await open({ gate });
    const client = await greeted(opened);
    const replies = hand(client, [ONE, TWO, THREE], "Subject: closing\r\n\r\n");
    await eventually(() => gate.received.length === 3);
    const closed = opened.listener.close();
    held.resolve();
    expect((await replies).map((reply) => reply.slice(0, 3))).toEqual(["250", "250", "250"]);
    expect(await client.reply()).toMatch(/^421 4\.3\.2/);
    await closed;
  });

  it("has numbers of its own beside those of the SMTP door", async () => {
    const opened = await open();
    await hand(await greeted(opened), [ONE]);
    expect(await opened.registry.metrics()).toContain('postern_lmtp_answer_seconds_count{verdict="accepted"} 1');
  });
});

describe("whom LMTP speaks for", () => {
  const envelopeOf = async (options: OpenOptions, commands: readonly string[]) => {
    const opened = await open(options);
    const client = await greeted(opened);
    for (const command of commands) await client.command(command, "2");
    if (commands.some((command) => command.startsWith("XCLIENT"))) await client.command("LHLO client.example", "250");
    await hand(client, [ONE], `Subject: ${Math.random()}\r\n\r\n`);
    return opened.gate.received[0]?.envelope;
  };
  const trusted = { trustedRelays: ["127.0.0.1"] };

  it("what nobody states is unknown: the MTA's own address is never the client's", async () => {
    expect(await envelopeOf({}, [])).toMatchObject({ ip: "", helo: "mta.acme.example" });
    expect(await envelopeOf(trusted, [])).toMatchObject({ ip: "" });
  });

  it.each([
    ["XFORWARD NAME=client.example ADDR=192.0.2.9 PORT=4711 PROTO=ESMTP HELO=Client.Example SOURCE=REMOTE", "192.0.2.9", "client.example"],
    ["XFORWARD ADDR=IPV6:2001:DB8:0::7 HELO=x", "2001:db8::7", "x"],
    ["XFORWARD ADDR=IPV6:::ffff:192.0.2.9", "192.0.2.9", ""],
    ["XFORWARD ADDR=192.0.2.9 HELO=[192.0.2.9]", "192.0.2.9", "[192.0.2.9]"],
    ["XFORWARD ADDR=192.0.2.9 HELO=a+2Bb+3Dc", "192.0.2.9", "a+b=c"],
    ["XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] HELO=[UNAVAILABLE] SOURCE=LOCAL", "", ""],
    ["XFORWARD ADDR=[TEMPUNAVAIL]", "", ""],
    ["XFORWARD IDENT=4711 SOURCE=REMOTE", "", "mta.acme.example"],
    ["XCLIENT ADDR=192.0.2.9 HELO=real.example", "192.0.2.9", "real.example"],
    ["XCLIENT ADDR=[UNAVAILABLE]", "", "client.example"],
  ])("a trusted relay says `%s`", async (command, ip, helo) => {
    expect(await envelopeOf(trusted, [command])).toMatchObject({ ip, helo });
  });

  it("attributes may come in several commands, as Postfix sends them", async () => {
    const commands = ["XFORWARD NAME=c.example ADDR=192.0.2.9 PORT=1", "XFORWARD PROTO=ESMTP HELO=c.example IDENT=4711 SOURCE=REMOTE"];
    expect(await envelopeOf(trusted, commands)).toMatchObject({ ip: "192.0.2.9", helo: "c.example" });
  });

  it("hold for one transaction: the next mail of the connection is not the client's before it", async () => {
    const opened = await open(trusted);
    const client = await greeted(opened);
    await client.command("XFORWARD ADDR=192.0.2.9 HELO=c.example", "250");
    await hand(client, [ONE], "Subject: first\r\n\r\n");
    await hand(client, [ONE], "Subject: second\r\n\r\n");
    await client.command("XFORWARD ADDR=192.0.2.9 HELO=c.example", "250");
    await client.command("RSET", "250");
    await hand(client, [ONE], "Subject: third\r\n\r\n");
    expect(opened.gate.received.map(({ envelope }) => envelope.ip)).toEqual(["192.0.2.9", "", ""]);
  });

  it.each([
    ["", "no attribute"],
    ["ADDR=nonsense", "no address"],
    ["ADDR=192.0.2.9%25eth0", "a zone"],
    ["ADDR=192.0.2.9 ADDR=192.0.2.10", "two addresses"],
    ["ADDR=192.0.2.9 WHAT=x", "an unknown attribute"],
    ["ADDR=192.0.2.9 HELO=a+0D+0Ab", "a line end"],
    ["ADDR=192.0.2.9 HELO=a+00b", "a NUL"],
    ["ADDR=192.0.2.9 HELO=a+0d", "xtext in lower case"],
    ["ADDR=192.0.2.9 HELO=a+", "half of xtext"],
    ["ADDR=192.0.2.9 HELO=a+FFb", "no ASCII"],
    ["ADDR=192.0.2.9 HELO=", "an empty value"],
    [`ADDR=192.0.2.9 HELO=${"a".repeat(256)}`, "a value of 256 bytes"],
    ["ADDR", "no value"],
  ])("`XFORWARD %s` changes nothing (%s)", async (attributes) => {
    const opened = await open(trusted);
    const client = await greeted(opened);
    expect(await client.command(`XFORWARD ${attributes}`)).toMatch(/^501/);
    await hand(client, [ONE], `Subject: ${attributes}\r\n\r\n`);
    expect(opened.gate.received[0]?.envelope).toMatchObject({ ip: "", helo: "mta.acme.example" });
  });

  it("nobody else may, and is not offered it", async () => {
    const opened = await open({ trustedRelays: ["192.0.2.0/24", "unix"] });
    const client = await greeted(opened);
    expect(await client.command("LHLO mta.example", "250")).not.toMatch(/XCLIENT|XFORWARD/);
    expect(await client.command("XFORWARD ADDR=192.0.2.9")).toMatch(/^550 5\.7\.0/);
    expect(await client.command("XCLIENT ADDR=192.0.2.9")).toMatch(/^550 5\.7\.0/);
    await hand(client, [ONE], "Subject: untrusted\r\n\r\n");
    expect(opened.gate.received[0]?.envelope.ip).toBe("");
  });

  it("not in the middle of a transaction", async () => {
    const client = await greeted(await open(trusted));
    await client.command("MAIL FROM:<a@client.example>", "250");
    expect(await client.command("XFORWARD ADDR=192.0.2.9")).toMatch(/^503/);
  });
});

describe("a unix socket", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "lmtp-"))));
  afterAll(() => rm(folder, { recursive: true }));

  async function through(path: string, commands: readonly string[]): Promise<string> {
    const socket = connect(path);
    socket.end(commands.map((command) => `${command}\r\n`).join(""));
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    return text;
  }

  const TALK = ["LHLO mta.example", "XFORWARD ADDR=192.0.2.9", "QUIT"];

  it("is open for whoever may enter its directory, and trusted only where `unix` is listed", async () => {
    const path = join(folder, "a.sock");
    const { listener } = await open({ path, trustedRelays: ["127.0.0.1"] });
    expect(listener.address).toEqual({ host: path, port: 0 });
    expect((await stat(path)).mode & 0o777).toBe(0o666);
    expect(await through(path, TALK)).toMatch(/^550 5\.7\.0/m);
    const other = join(folder, "b.sock");
    await open({ path: other, trustedRelays: ["unix"] });
    expect(await through(other, TALK)).toMatch(/^250.XFORWARD[^]*^250 2\.0\.0 OK/m);
  });

  it("takes the place of one that a killed process left, never of one that is in use, nor of a file", async () => {
    const path = join(folder, "c.sock");
    const left = createServer().listen(path);
    await once(left, "listening");
    await expect(open({ path })).rejects.toMatchObject({ code: "invalid_config", message: expect.stringContaining("EADDRINUSE") });
    const file = join(folder, "file");
    await writeFile(file, "kept");
    await expect(open({ path: file })).rejects.toMatchObject({ code: "invalid_config" });
    // A socket's file outlives a process that is killed; Node removes it when it closes.
    const stale = join(folder, "d.sock");
    const code = `require("net").createServer().listen(${JSON.stringify(stale)},()=>process.kill(process.pid,"SIGKILL"))`;
    const { spawnSync } = await import("node:child_process");
    spawnSync(process.execPath, ["-e", code]);
    expect((await stat(stale)).isSocket()).toBe(true);
    await open({ path: stale });
    expect(await through(stale, ["LHLO mta.example", "QUIT"])).toContain("PIPELINING");
    left.close();
  });
});
