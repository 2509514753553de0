import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, it, onTestFinished } from "vitest";
import { createLookup } from "../../src/net/lookup.ts";

const [A, AAAA] = [1, 28];
const NO_SUCH_NAME = 3;

/** A name server that has one address of each kind, or says nothing. */
async function nameServer(addresses: Readonly<Record<number, Buffer>> | null): Promise<string> {
  const socket = createSocket("udp4");
  socket.on("message", (question, { port, address }) => {
    if (addresses === null) return;
    const type = question.readUInt16BE(question.indexOf(0, 12) + 1);
    const data = addresses[type];
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(0x8180 | (data === undefined ? NO_SUCH_NAME : 0), 2);
    header.writeUInt16BE(data === undefined ? 0 : 1, 6);
    header.writeUInt16BE(0, 10);
    const asked = question.subarray(12, question.indexOf(0, 12) + 5);
    const answer =
      data === undefined ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]), data]);
    socket.send(Buffer.concat([header, asked, answer]), port, address);
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  onTestFinished(() => void socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

const FOUR = Buffer.from([93, 184, 215, 14]);
const SIX = Buffer.from("26062800021f cb07 6820 80da af6b 8b2c".replaceAll(" ", ""), "hex");

describe("SSRF hosts that webhooks name", () => {
  it("are found by DNS, with addresses of both kinds or of one", async () => {
    const both = createLookup(new Set(), { servers: [await nameServer({ [A]: FOUR, [AAAA]: SIX })] });
    expect(await both("agent.example.com")).toEqual(["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]);
    const four = createLookup(new Set(), { servers: [await nameServer({ [A]: FOUR })] });
    expect(await four("agent.example.com")).toEqual(["93.184.215.14"]);
    const none = createLookup(new Set(), { servers: [await nameServer({})] });
    await expect(none("agent.example.com")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  it("are given up in time when their name server says nothing, however many there are", async () => {
    const lookup = createLookup(new Set(), { servers: [await nameServer(null)], answerMs: 100 });
    const hosts = Array.from({ length: 50 }, (_, nth) => `slow-${nth}.example.com`);
    for (const answer of await Promise.allSettled(hosts.map(lookup))) {
      expect(answer).toMatchObject({ status: "rejected", reason: { code: "ETIMEOUT" } });
    }
  });

  it("are asked of no name server when they are the operator's own", async () => {
    const lookup = createLookup(new Set(["localhost"]), { servers: [await nameServer(null)], answerMs: 100 });
    expect(await lookup("localhost")).toEqual(expect.arrayContaining([expect.stringMatching(/^(127\.0\.0\.1|::1)$/) as string]));
  });
});
