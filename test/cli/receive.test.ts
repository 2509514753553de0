import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decided } from "../smtp/decisions.ts";
import { gateThat, World, type OpenOptions } from "../smtp/world.ts";
import { cli, errorOf, type Ran } from "./rig.ts";

const LETTER = "From: boss@acme.example\r\nSubject: Lunch?\r\n\r\n.hidden dot\r\n";
const ENVELOPE = ["--from", "boss@acme.example", "--to", "assistant@acme.example"];

let world: World;
let folder: string;
let file: string;

beforeAll(async () => {
  world = await World.create();
  await world.mailbox(await world.tenant("acme"), "assistant@acme.example");
  folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
  file = join(folder, "letter.eml");
  await writeFile(file, LETTER);
});
afterEach(() => world.closeDoors());
afterAll(async () => {
  await world.destroy();
  await rm(folder, { recursive: true });
});

/** The real SMTP door; nobody answers by HTTP, so decisions are not shown. */
async function door(options: OpenOptions = {}) {
  const opened = await world.open(options);
  const env = { POSTERN_SMTP: `127.0.0.1:${opened.port}`, POSTERN_URL: "http://127.0.0.1:1", POSTERN_KEY: "pst_live_test" };
  return {
    ...opened,
    receive: (args: readonly string[], stdin?: string | Buffer): Promise<Ran> =>
      cli(["receive", ...args], { env, ...(stdin === undefined ? {} : { stdin }) }),
  };
}

async function storedBytes(gate: {
  readonly received: readonly { readonly tenant: `ten_${string}`; readonly ref: { readonly digest: string } }[];
}) {
  const [input] = gate.received;
  return (await world.blobs.get(input!.tenant, input!.ref.digest))?.toString();
}

describe("receive, through the real door", () => {
  it("hands the file over byte for byte and ends with 0 when it is accepted", async () => {
    const { gate, receive } = await door();
    const ran = await receive([file, ...ENVELOPE]);
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/^accepted\nserver +250 2\.0\.0 accepted as msg_\w+/);
    expect(gate.received[0]?.envelope).toMatchObject({ ip: "127.0.0.1", sender: "boss@acme.example", recipient: "assistant@acme.example" });
    expect(await storedBytes(gate)).toContain(LETTER);
  });

  it("a refusal ends with 20 and names the message", async () => {
    const { receive } = await door({ gate: gateThat(({ message }) => decided("rejected_at_policy", message)) });
    const ran = await receive([file, ...ENVELOPE, "--json"]);
    expect(ran.code).toBe(20);
    expect(ran.json).toMatchObject({ told: "refused", step: "message", code: 550, enhanced: "5.7.1", decision: null });
    expect(ran.json.message_id).toMatch(/^msg_/);
  });

  it("a deferral ends with 21 and says what to do", async () => {
    const { receive } = await door({ gate: gateThat(() => ({ kind: "deferred", reason: "dns_unavailable" })) });
    const ran = await receive([file, ...ENVELOPE]);
    expect(ran.code).toBe(21);
    expect(ran.out).toMatch(/^deferred\nserver +451 4\.7\.1 /);
    expect(ran.err).toContain("note: run it again later");
  });

  it("an unknown recipient is refused at RCPT, with 20 and no message", async () => {
    const { gate, receive } = await door();
    const ran = await receive([file, "--from", "boss@acme.example", "--to", "nobody@acme.example", "--json"]);
    expect(ran.code).toBe(20);
    expect(ran.json).toEqual({
      told: "refused",
      step: "rcpt",
      code: 550,
      enhanced: "5.1.1",
      text: "no such mailbox here",
      message_id: null,
      decision: null,
    });
    expect(gate.received).toHaveLength(0);
  });

  it("LF line ends are sent as CRLF, with a note; mixed ones are left to the door, which refuses them", async () => {
    const { gate, receive } = await door();
    const converted = await receive(["-", ...ENVELOPE], LETTER.replaceAll("\r\n", "\n"));
    expect(converted.code).toBe(0);
    expect(converted.err).toContain("note: line ends were LF");
    expect(await storedBytes(gate)).toContain(LETTER);
    const mixed = await receive(["-", ...ENVELOPE, "--json"], `${LETTER}bare\nline\r\n`);
    expect(mixed).toMatchObject({ code: 20, json: { enhanced: "5.6.11" } });
  });

  it("the same bytes are the same message; --again makes another one", async () => {
    const { gate, receive } = await door();
    for (const again of [[], [], ["--again"], ["--again"]]) expect((await receive([file, ...ENVELOPE, ...again])).code).toBe(0);
    const ids = gate.received.map(({ message }) => message);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });

  it("--ip speaks for another client where this host is a trusted relay", async () => {
    for (const ip of ["192.0.2.1", "2001:db8::1"]) {
      const { gate, receive } = await door({ trustedRelays: ["127.0.0.1"] });
      expect((await receive([file, ...ENVELOPE, "--ip", ip, "--helo", "mx.acme.example"])).code).toBe(0);
      expect(gate.received[0]?.envelope).toMatchObject({ ip, helo: "mx.acme.example" });
    }
  });

  it("--ip is refused clearly where this host is not trusted, and nothing is sent", async () => {
    const { gate, receive } = await door();
    const ran = await receive([file, ...ENVELOPE, "--ip", "192.0.2.1", "--json"]);
    expect(ran.code).toBe(4);
    expect(errorOf(ran)).toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("XCLIENT") as string,
      fix: expect.stringContaining("POSTERN_TRUSTED_RELAYS") as string,
    });
    expect(gate.received).toHaveLength(0);
  });

  it("the null sender is written <>", async () => {
    const { gate, receive } = await door();
    expect((await receive([file, "--from", "<>", "--to", "assistant@acme.example"])).code).toBe(0);
    expect(gate.received[0]?.envelope.sender).toBe("");
  });

  it("8-bit bytes arrive as they are", async () => {
    const { gate, receive } = await door();
    const bytes = Buffer.concat([Buffer.from("Subject: x\r\n\r\n"), Buffer.from([0xe4, 0xff, 0x80, 0x0d, 0x0a])]);
    expect((await receive(["-", ...ENVELOPE], bytes)).code).toBe(0);
    const { tenant, ref } = gate.received[0]!;
    expect((await world.blobs.get(tenant, ref.digest))?.subarray(-5)).toEqual(bytes.subarray(-5));
  });

  it("a message over the size limit is refused with 20", async () => {
    const { receive } = await door({ limits: { size: 2048 } });
    const ran = await receive(["-", ...ENVELOPE, "--json"], `Subject: x\r\n\r\n${"a".repeat(4096)}\r\n`);
    expect(ran).toMatchObject({ code: 20, json: { code: 552 } });
  });

  it("what nobody answers about by HTTP is noted, and the answer still shown", async () => {
    const { receive } = await door();
    const ran = await receive([file, ...ENVELOPE]);
    expect(ran.err).toContain("note: the decision is not shown: `http://127.0.0.1:1` cannot be reached");
  });
});

describe("receive, when the file or the port is wrong", () => {
  it.each([
    ["a missing file", "/nowhere/letter.eml", 2, "cannot be read (ENOENT)"],
    ["an empty message", "-", 2, "the message is empty"],
  ])("%s", async (_, path, code, message) => {
    const ran = await cli(["receive", path, ...ENVELOPE], { env: { POSTERN_SMTP: "127.0.0.1:1" } });
    expect(ran.code).toBe(code);
    expect(ran.err).toContain(message);
    expect(ran.err).toMatch(/^error: /);
  });

  it("nobody listens: 3, with the way out", async () => {
    const ran = await cli(["receive", file, ...ENVELOPE], { env: { POSTERN_SMTP: "127.0.0.1:1" } });
    expect(ran.code).toBe(3);
    expect(ran.err).toMatch(/^error: the SMTP port `127.0.0.1:1` cannot be reached\nfix: .*POSTERN_SMTP/);
  });
});

describe("receive, from servers of any kind", () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** Answers each line by its first word; what was said is kept. */
  async function scripted(
    greeting: string,
    answers: Readonly<Record<string, string>>,
  ): Promise<{ readonly said: string[]; receive(): Promise<Ran> }> {
    const said: string[] = [];
    const server = createServer((socket) => talk(socket, greeting, answers, said));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const env = {
      POSTERN_SMTP: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      POSTERN_URL: "http://127.0.0.1:1",
      POSTERN_KEY: "k",
    };
    return { said, receive: () => cli(["receive", file, ...ENVELOPE, "--json"], { env }) };
  }

  function talk(socket: Socket, greeting: string, answers: Readonly<Record<string, string>>, said: string[]): void {
    let data = false;
    let rest = "";
    socket.on("error", () => {});
    socket.write(greeting);
    socket.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk.toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        said.push(line);
        if (data && line !== ".") continue;
        const word = data ? "." : (line.split(" ")[0] ?? "");
        data = word === "DATA";
        socket.write(answers[word] ?? "250 ok\r\n");
      }
    });
  }

  it("a refusal at every step is a refusal, and the transaction stops there", async () => {
    const steps: [string, string, string][] = [
      ["MAIL", "mail", "553 5.7.1 no\r\n"],
      ["RCPT", "rcpt", "550 5.1.1 no\r\n"],
      ["DATA", "data", "554 no valid recipients\r\n"],
    ];
    for (const [word, step, answer] of steps) {
      const { said, receive } = await scripted("220 x ESMTP\r\n", { [word]: answer });
      expect(await receive()).toMatchObject({ code: 20, json: { told: "refused", step } });
      expect(said.at(-1)).toMatch(new RegExp(`^${word}`));
    }
  });

  it("a final answer of several lines is read whole, dots are stuffed, and QUIT is said", async () => {
    const { said, receive } = await scripted("220-hello\r\n220 x ESMTP\r\n", {
      EHLO: "250-x\r\n250-8BITMIME\r\n250 SIZE 1000\r\n",
      DATA: "354 go\r\n",
      ".": "250-2.0.0 one\r\n250 2.0.0 two\r\n",
    });
    expect(await receive()).toMatchObject({ code: 0, json: { enhanced: "2.0.0", told: "accepted" } });
    expect(said).toContain("..hidden dot");
    expect(said).toContain(`MAIL FROM:<boss@acme.example> SIZE=${(await readFile(file)).length}`);
    expect(said.at(-1)).toBe("QUIT");
  });

  it.each([
    ["a server that turns us away", "421 4.3.2 busy\r\n", "answers `421 4.3.2 busy`"],
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak SMTP"],
    ["a line without end", "2".repeat(200_000), "does not speak SMTP"],
    ["a reply without end", "220-more\r\n".repeat(20_000), "does not speak SMTP"],
  ])("%s cannot be used: 3", async (_, greeting, message) => {
    const { receive } = await scripted(greeting, {});
    const ran = await receive();
    expect(ran.code).toBe(3);
    expect(errorOf(ran).message).toContain(message);
  });

  it("a connection closed in the middle is told as such", async () => {
    const server = createServer((socket) => socket.end("220 x\r\n"));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const env = { POSTERN_SMTP: `127.0.0.1:${(server.address() as AddressInfo).port}` };
    const ran = await cli(["receive", file, ...ENVELOPE], { env });
    expect(ran.code).toBe(3);
    expect(ran.err).toMatch(/closed the connection|cannot be reached/);
  });

  it("what a server says cannot act on the terminal", async () => {
    const { receive } = await scripted("220 x\r\n", { MAIL: "550 \u001b[2Jgone\r\n" });
    const ran = await receive();
    expect(ran.out).not.toContain("\u001b");
    expect(ran.json.text).toBe("\u001b[2Jgone");
  });
});
