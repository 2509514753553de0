import { describe, expect, it } from "vitest";
import type { PeerAnswer, PeerStep } from "../support/smtp-peer.ts";
import { CUT, HANG } from "../support/smtp-peer.ts";
import { ANN, BOB, CAROL, codes, openTransport, QUICK, send, startPeer } from "./relay.ts";

describe("a transaction with the relay", () => {
  it("says MAIL, every RCPT, asks for the claim, then DATA, and reports the reply to the final dot", async () => {
    const peer = await startPeer();
    const commandsAtClaim: string[] = [];
    const result = await send(openTransport(peer), {
      to: [ANN, BOB],
      claim: async () => {
        commandsAtClaim.push(...peer.commands);
        return true;
      },
    });
    const reply = { code: 250, enhanced: "2.0.0", text: "2.0.0 taken" };
    expect(result).toEqual({
      end: "completed",
      replies: [
        { recipient: ANN, ...reply },
        { recipient: BOB, ...reply },
      ],
      claims: [[ANN, BOB]],
    });
    const before = ["EHLO gate.example", "MAIL FROM:<agent@gate.example>", `RCPT TO:<${ANN}>`, `RCPT TO:<${BOB}>`];
    expect(commandsAtClaim).toEqual(before);
    expect(peer.commands).toEqual([...before, "DATA"]);
    expect(peer.taken).toMatchObject([
      { sender: "agent@gate.example", recipients: [ANN, BOB], content: "Subject: hello\r\n\r\nhello\r\n" },
    ]);
  });

  it("sends to those the peer took and reports each one refused", async () => {
    const peer = await startPeer({
      script: (step, address) => {
        if (step !== "rcpt") return undefined;
        return address === BOB ? "550 5.1.1 no such user" : address === CAROL ? "450 4.2.1 later" : undefined;
      },
    });
    const result = await send(openTransport(peer), { to: [ANN, BOB, CAROL] });
    expect(result.end).toBe("completed");
    expect(result.claims).toEqual([[ANN]]);
    expect(result.replies).toMatchObject([
      { recipient: ANN, code: 250 },
      { recipient: BOB, code: 550, enhanced: "5.1.1", text: "5.1.1 no such user" },
      { recipient: CAROL, code: 450, enhanced: "4.2.1" },
    ]);
    expect(peer.taken).toMatchObject([{ recipients: [ANN] }]);
  });

  it("sends nothing and cuts the connection when the claim is refused", async () => {
    const peer = await startPeer();
    const result = await send(openTransport(peer), { claim: async () => false });
    expect(result).toMatchObject({ end: "failed_before_data", replies: [{ code: null }] });
    expect(peer.commands).not.toContain("DATA");
    expect(peer.taken).toEqual([]);
    await expect.poll(() => peer.open).toBe(0);
  });

  it("sends nothing when the claim fails, and fails with the same error", async () => {
    const peer = await startPeer();
    const broken = send(openTransport(peer), {
      claim: async () => {
        throw new Error("the store is away");
      },
    });
    await expect(broken).rejects.toThrow("the store is away");
    expect(peer.commands).not.toContain("DATA");
    await expect.poll(() => peer.open).toBe(0);
  });

  it("does not say MAIL when there are no bytes, and keeps the connection", async () => {
    const peer = await startPeer();
    const transport = openTransport(peer);
    const bytes = async (): Promise<Buffer> => {
      throw new Error("no key");
    };
    await expect(send(transport, { bytes })).rejects.toThrow("no key");
    expect(peer.commands).toEqual(["EHLO gate.example"]);
    expect((await send(transport)).end).toBe("completed");
    expect(peer.connections).toBe(1);
  });
});

// A definite answer is one, at whatever step it comes; the next hop has taken nothing.
describe.each(["451 4.3.0 not now", "550 5.7.1 never", "450", "599-many\r\n599 lines"])("refused with %j", (said) => {
  const code = Number(said.slice(0, 3));

  it.each<PeerStep>(["mail", "data", "dot"])("at %s: every recipient has the code", async (at) => {
    const peer = await startPeer({ script: (step) => (step === at ? said : undefined) });
    const result = await send(openTransport(peer), { to: [ANN, BOB] });
    expect(result.end).toBe("completed");
    expect(codes(result)).toEqual([
      [ANN, code],
      [BOB, code],
    ]);
  });

  it("at every RCPT: nobody is left, and nothing is claimed", async () => {
    const peer = await startPeer({ script: (step) => (step === "rcpt" ? said : undefined) });
    const result = await send(openTransport(peer), { to: [ANN, BOB] });
    expect(result).toMatchObject({ end: "completed", claims: [] });
    expect(result.replies.map((reply) => reply.code)).toEqual([code, code]);
  });

  it.each<PeerStep>(["connect", "ehlo"])("at %s: it is about the relay, so nobody has an answer", async (at) => {
    const peer = await startPeer({ script: (step) => (step === at ? said : undefined) });
    const result = await send(openTransport(peer));
    expect(result).toMatchObject({ end: "failed_before_data", claims: [], replies: [{ code: null, enhanced: null }] });
    expect(result.replies[0]?.text).toContain(`${code}`);
  });
});

describe.each<[string, PeerAnswer]>([
  ["cut", CUT],
  ["silence", HANG],
  ["no reply at all", { raw: Buffer.from("\0\xff garbage\r\n", "latin1") }],
  ["a code that does not exist", "999 what"],
  ["a code of no meaning here", "334 say more"],
])("%s", (_, answer) => {
  it.each<PeerStep>(["connect", "ehlo", "mail", "rcpt", "data"])("at %s is definite: nothing was taken", async (at) => {
    const peer = await startPeer({ script: (step) => (step === at ? answer : undefined) });
    const result = await send(openTransport(peer, { times: QUICK }));
    expect(result).toMatchObject({ end: "failed_before_data", replies: [{ recipient: ANN, code: null, enhanced: null }] });
    expect(result.claims).toHaveLength(at === "data" ? 1 : 0);
    expect(peer.taken).toEqual([]);
    await expect.poll(() => peer.open).toBe(0);
  });

  it("after the final dot is unknown", async () => {
    const peer = await startPeer({ script: (step) => (step === "dot" ? answer : undefined) });
    const result = await send(openTransport(peer, { times: QUICK }), { to: [ANN, BOB] });
    expect(result.end).toBe("unknown");
    expect(codes(result)).toEqual([
      [ANN, null],
      [BOB, null],
    ]);
    expect(peer.taken).toHaveLength(1);
    await expect.poll(() => peer.open).toBe(0);
  });
});

describe("in the middle of the content", () => {
  // More than the sockets between us hold, so that the cut comes before the final dot.
  const large = async (): Promise<Buffer> => Buffer.from("Subject: x\r\n\r\n" + "y".repeat(78).concat("\r\n").repeat(50_000));

  it.each<[string, PeerAnswer]>([
    ["a cut", CUT],
    ["silence", HANG],
    ["an early 250", "250 2.0.0 taken already"],
    ["garbage", "hello?"],
  ])("%s is unknown", async (_, answer) => {
    const peer = await startPeer({ script: (step) => (step === "content" ? answer : undefined) });
    const result = await send(openTransport(peer, { times: QUICK }), { bytes: large });
    expect(result).toMatchObject({ end: "unknown", replies: [{ code: null }] });
    expect(peer.taken).toEqual([]);
  });

  it("an early refusal is one, and the final dot is not said", async () => {
    const peer = await startPeer({ script: (step) => (step === "content" ? "552 5.3.4 too much" : undefined) });
    const result = await send(openTransport(peer), { bytes: large });
    expect(result).toMatchObject({ end: "completed", replies: [{ code: 552, enhanced: "5.3.4" }] });
    expect(peer.taken).toEqual([]);
  });

  it("a slow reader gets it all", async () => {
    const peer = await startPeer({
      script: async (step) => {
        if (step === "content") await new Promise((resolve) => setTimeout(resolve, 200));
        return undefined;
      },
    });
    const result = await send(openTransport(peer), { bytes: large });
    expect(result.end).toBe("completed");
    expect(peer.taken[0]?.content).toHaveLength((await large()).length);
  });
});

describe("half a transaction", () => {
  it("recipients refused before a cut keep their answer, the others have none", async () => {
    const peer = await startPeer({
      script: (step, address) => (step !== "rcpt" ? undefined : address === ANN ? "550 5.1.1 no" : address === CAROL ? CUT : undefined),
    });
    const result = await send(openTransport(peer), { to: [ANN, BOB, CAROL] });
    expect(result).toMatchObject({ end: "failed_before_data", claims: [] });
    expect(codes(result)).toEqual([
      [ANN, 550],
      [BOB, null],
      [CAROL, null],
    ]);
  });

  it("421 to one recipient ends it for those after it", async () => {
    const peer = await startPeer({ script: (step, address) => (step === "rcpt" && address === BOB ? "421 4.3.2 closing" : undefined) });
    const result = await send(openTransport(peer), { to: [ANN, BOB, CAROL] });
    expect(result).toMatchObject({ end: "failed_before_data", claims: [] });
    expect(codes(result)).toEqual([
      [ANN, null],
      [BOB, 421],
      [CAROL, null],
    ]);
  });

  it("nobody listening is definite", async () => {
    const peer = await startPeer();
    const { port } = peer;
    await peer.close();
    const result = await send(openTransport({ port }));
    expect(result).toMatchObject({ end: "failed_before_data", replies: [{ code: null, text: "ECONNREFUSED (connect)" }] });
  });

  it("everything before the claim together has an end, however lively the peer is", async () => {
    const peer = await startPeer({
      script: async (step) => {
        if (step === "rcpt") await new Promise((resolve) => setTimeout(resolve, 50));
        return undefined;
      },
    });
    const to = Array.from({ length: 100 }, (_, index) => `user${index}@acme.example`);
    const result = await send(openTransport(peer, { times: { envelope: 300 } }), { to });
    expect(result).toMatchObject({ end: "failed_before_data", claims: [] });
    expect(result.replies.at(-1)?.text).toBe("no answer in time (RCPT)");
  });
});

describe("cancelling", () => {
  it.each<PeerStep>(["connect", "ehlo", "mail", "rcpt"])("at %s cuts the connection and claims nothing", async (at) => {
    const cancel = new AbortController();
    const peer = await startPeer({
      script: (step) => {
        if (step !== at) return undefined;
        cancel.abort();
        return HANG;
      },
    });
    const result = await send(openTransport(peer), { signal: cancel.signal });
    expect(result).toMatchObject({ end: "failed_before_data", claims: [] });
    await expect.poll(() => peer.open).toBe(0);
  });

  it.each<PeerStep>(["data", "content", "dot"])("at %s comes too late: the transaction is carried to its end", async (at) => {
    const cancel = new AbortController();
    const peer = await startPeer({
      script: (step) => {
        if (step === at) cancel.abort();
        return undefined;
      },
    });
    const result = await send(openTransport(peer), { signal: cancel.signal });
    expect(result).toMatchObject({ end: "completed", replies: [{ code: 250 }] });
    expect(peer.taken).toHaveLength(1);
  });
});

describe("what is said to the peer", () => {
  it("a line of dots arrives as it was", async () => {
    const peer = await startPeer();
    const content = ".\r\n..\r\n\r\n.hidden\r\nend.\r\n.\r\n";
    expect((await send(openTransport(peer), { bytes: async () => Buffer.from(content) })).end).toBe("completed");
    expect(peer.taken).toMatchObject([{ content }]);
    expect(peer.commands).not.toContain("hidden");
  });

  it("a message without a last line end gets one", async () => {
    const peer = await startPeer();
    await send(openTransport(peer), { bytes: async () => Buffer.from("Subject: x\r\n\r\nend") });
    expect(peer.taken).toMatchObject([{ content: "Subject: x\r\n\r\nend\r\n" }]);
  });

  it.each(["a\n.\nMAIL FROM:<evil@x.example>\r\n", "a\r.\r\r\n", "caf\u00e9\r\n", "nul\0\r\n", "last\r"])(
    "%j is not sent: what ends a message must not depend on the reader",
    async (content) => {
      const peer = await startPeer();
      const bytes = async (): Promise<Buffer> => Buffer.from(content);
      await expect(send(openTransport(peer), { bytes })).rejects.toMatchObject({ code: "internal", temporary: false });
      expect(peer.commands).toEqual(["EHLO gate.example"]);
    },
  );

  it.each(["a@b.example>\r\nRCPT TO:<evil@x.example", "a b@c.example", "<a@b.example>", "a\0@b.example"])(
    "the address %j is refused without asking",
    async (address) => {
      const peer = await startPeer();
      const result = await send(openTransport(peer), { to: [address, ANN] });
      expect(result.replies).toMatchObject([{ code: 553, enhanced: "5.1.3" }, { code: 250 }]);
      expect(peer.commands.filter((line) => line.startsWith("RCPT"))).toEqual([`RCPT TO:<${ANN}>`]);
    },
  );

  it("a name that is none is not said in EHLO", async () => {
    const peer = await startPeer();
    await send(openTransport(peer, { name: "my host\r\nQUIT" }));
    expect(peer.commands[0]).toBe("EHLO [127.0.0.1]");
  });
});

describe("extensions", () => {
  it("SIZE: the size is announced, and what is over the limit is refused without asking", async () => {
    const peer = await startPeer({ extensions: ["PIPELINING", "size 100"] });
    const transport = openTransport(peer);
    await send(transport);
    expect(peer.commands).toContain("MAIL FROM:<agent@gate.example> SIZE=25");
    const result = await send(transport, { bytes: async () => Buffer.alloc(102, "a\r\n") });
    expect(result).toMatchObject({ end: "completed", claims: [], replies: [{ code: 552, enhanced: "5.3.4" }] });
    expect(peer.taken).toHaveLength(1);
  });

  it("SMTPUTF8 is asked for only when an address needs it", async () => {
    const peer = await startPeer({ extensions: ["SMTPUTF8"] });
    const transport = openTransport(peer);
    await send(transport);
    await send(transport, { to: ["j\u00f6rg@acme.example"] });
    const mails = peer.commands.filter((line) => line.startsWith("MAIL"));
    expect(mails).toEqual(["MAIL FROM:<agent@gate.example>", "MAIL FROM:<agent@gate.example> SMTPUTF8"]);
    expect(peer.taken).toHaveLength(2);
  });

  it("without SMTPUTF8 such a recipient is refused and the others are not", async () => {
    const peer = await startPeer();
    const result = await send(openTransport(peer), { to: ["j\u00f6rg@acme.example", BOB] });
    expect(result.replies).toMatchObject([{ code: 553, enhanced: "5.6.7" }, { code: 250 }]);
    const sender = "j\u00f6rg@gate.example";
    const all = await send(openTransport(peer), { envelope: { sender, recipients: [ANN] } });
    expect(all).toMatchObject({ end: "completed", claims: [], replies: [{ code: 550, enhanced: "5.6.7" }] });
  });
});
