import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { isLoopback } from "../../src/transports/relay.ts";
import { parseExtensions } from "../../src/transports/smtp/session.ts";
import { selfSigned } from "../support/certificate.ts";
import type { PeerStep } from "../support/smtp-peer.ts";
import { codes, openTransport, QUICK, send, startPeer } from "./relay.ts";

const CERTIFICATE = selfSigned("localhost");
const AUTH = { user: "agent@acme.example", password: "correct horse" };
const STARTTLS = { tls: CERTIFICATE, extensions: ["STARTTLS", "AUTH PLAIN LOGIN"] };

function relayAt(port: number, changes: object = {}) {
  return { relay: { host: "localhost", port, security: "starttls", auth: null, ...changes } as const, ca: CERTIFICATE.cert };
}

describe("encryption", () => {
  it("STARTTLS comes before anything else is said, and EHLO is said again after it", async () => {
    const peer = await startPeer(STARTTLS);
    const result = await send(openTransport(peer, relayAt(peer.port)));
    expect(result.end).toBe("completed");
    expect(peer.commands.slice(0, 4)).toEqual(["EHLO gate.example", "STARTTLS", "EHLO gate.example", "MAIL FROM:<agent@gate.example>"]);
  });

  it("TLS from the first byte", async () => {
    const peer = await startPeer({ tls: CERTIFICATE, implicit: true });
    const result = await send(openTransport(peer, relayAt(peer.port, { security: "tls" })));
    expect(result.end).toBe("completed");
    expect(peer.commands).not.toContain("STARTTLS");
  });

  it.each<[string, object]>([
    ["offers no STARTTLS", { extensions: ["AUTH PLAIN"] }],
    ["refuses STARTTLS", { ...STARTTLS, script: (step: PeerStep) => (step === "starttls" ? "454 4.7.0 not now" : undefined) }],
    ["answers the handshake with something else", { extensions: ["STARTTLS"] }],
  ])("a relay that %s is told neither password nor mail", async (_, options) => {
    const peer = await startPeer(options);
    const result = await send(openTransport(peer, { ...relayAt(peer.port, { auth: AUTH }), times: QUICK }));
    expect(result).toMatchObject({ end: "failed_before_data", claims: [] });
    expect(peer.commands.filter((line) => /^(AUTH|MAIL)/.test(line))).toEqual([]);
  });

  it.each([
    ["of another name", { host: "127.0.0.1" }, CERTIFICATE.cert],
    ["that nobody vouches for", {}, selfSigned("localhost").cert],
  ])("a certificate %s is not believed", async (_, changes, ca) => {
    for (const security of ["starttls", "tls"] as const) {
      const peer = await startPeer({ ...STARTTLS, implicit: security === "tls" });
      const result = await send(openTransport(peer, { ...relayAt(peer.port, { ...changes, security, auth: AUTH }), ca }));
      expect(result).toMatchObject({ end: "failed_before_data", claims: [], replies: [{ code: null }] });
      expect(peer.commands.join()).not.toMatch(/AUTH|MAIL/);
    }
  });

  it("what was slipped in before the handshake is not taken for an answer", async () => {
    const peer = await startPeer({
      ...STARTTLS,
      script: (step) => (step === "starttls" ? "220 go ahead\r\n250 2.0.0 injected" : undefined),
    });
    const result = await send(openTransport(peer, relayAt(peer.port)));
    expect(result).toMatchObject({ end: "failed_before_data", claims: [], replies: [{ text: expect.stringMatching(/unasked/) }] });
  });

  it("a handshake that never ends does", async () => {
    const peer = await startPeer({ extensions: ["STARTTLS"], script: (step) => (step === "starttls" ? "220 ok" : undefined) });
    const result = await send(openTransport(peer, { ...relayAt(peer.port), times: QUICK }));
    expect(result.end).toBe("failed_before_data");
  });

  const [outside] = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.filter(({ internal }) => !internal) ?? []);
  it.skipIf(outside === undefined)("a relay outside this machine is told nothing unencrypted, whatever led there", async () => {
    const host = outside!.address;
    const peer = await startPeer({ host });
    const result = await send(openTransport(peer, { relay: { host, port: peer.port, security: "none", auth: AUTH } }));
    expect(result).toMatchObject({
      end: "failed_before_data",
      replies: [{ text: "the relay's name does not lead to this machine (connect)" }],
    });
    expect(peer.commands).toEqual([]);
  });

  it.each(["localhost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])("%s is this machine", (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(["", "128.0.0.1", "::2", "::ffff:192.0.2.1", "127.0.0.1.example", "localhost.example"])("%j is not this machine", (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe("AUTH", () => {
  const plain = Buffer.from("\0agent@acme.example\0correct horse").toString("base64");

  it("PLAIN, in one line", async () => {
    const peer = await startPeer(STARTTLS);
    expect((await send(openTransport(peer, relayAt(peer.port, { auth: AUTH })))).end).toBe("completed");
    expect(peer.commands).toContain(`AUTH PLAIN ${plain}`);
  });

  it("LOGIN where PLAIN is not offered", async () => {
    const peer = await startPeer({ ...STARTTLS, extensions: ["STARTTLS", "auth login"] });
    expect((await send(openTransport(peer, relayAt(peer.port, { auth: AUTH })))).end).toBe("completed");
    const said = peer.commands.slice(peer.commands.indexOf("AUTH LOGIN") + 1, -3);
    expect(said.map((line) => Buffer.from(line, "base64").toString())).toEqual(["agent@acme.example", "correct horse"]);
  });

  it("neither offered: the password stays here", async () => {
    const peer = await startPeer({ ...STARTTLS, extensions: ["STARTTLS", "AUTH GSSAPI"] });
    const result = await send(openTransport(peer, relayAt(peer.port, { auth: AUTH })));
    expect(result.replies[0]?.text).toBe("the relay offers neither AUTH PLAIN nor AUTH LOGIN (EHLO)");
  });

  it("what was offered before TLS is forgotten", async () => {
    let hellos = 0;
    const peer = await startPeer({
      tls: CERTIFICATE,
      script: (step) => (step === "ehlo" && (hellos += 1) === 1 ? "250-peer\r\n250-STARTTLS\r\n250 AUTH PLAIN" : undefined),
    });
    const result = await send(openTransport(peer, relayAt(peer.port, { auth: AUTH })));
    expect(result.end).toBe("failed_before_data");
    expect(peer.commands.join()).not.toContain("AUTH");
  });

  it.each(["PLAIN", "LOGIN"])("a refused %s tells the code and never the password, though the relay repeats it", async (mechanism) => {
    const secret = Buffer.from(AUTH.password).toString("base64");
    const peer = await startPeer({
      ...STARTTLS,
      extensions: ["STARTTLS", `AUTH ${mechanism}`],
      script: (step) => (step === "auth" ? `535 5.7.8 not ${AUTH.password} ${secret} ${plain}` : undefined),
    });
    const result = await send(openTransport(peer, relayAt(peer.port, { auth: AUTH })));
    expect(result).toMatchObject({
      end: "failed_before_data",
      replies: [{ code: null, text: "the relay said 535 to user and password (AUTH)" }],
    });
    expect(codes(result)).toHaveLength(1);
  });
});

describe("the EHLO reply", () => {
  it("is read keyword by keyword", () => {
    expect(parseExtensions(["SIZE 1000", "smtputf8", "STARTTLS", "AUTH plain  LOGIN", "X-AUTH PLAIN"])).toEqual({
      size: 1000,
      utf8: true,
      startTls: true,
      auth: ["PLAIN", "LOGIN"],
    });
    expect(parseExtensions(["NOSTARTTLS", "XSMTPUTF8 STARTTLS"])).toEqual({ size: null, utf8: false, startTls: false, auth: [] });
  });

  it.each(["SIZE", "SIZE 0", "SIZE -1", "SIZE 1e400", "SIZE ten"])("%s is no limit", (line) => {
    expect(parseExtensions([line]).size).toBeNull();
  });
});
