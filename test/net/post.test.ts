import { once } from "node:events";
import { createServer as createHttp, type RequestListener } from "node:http";
import { createServer as createHttps } from "node:https";
import { createServer as createTcp, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createPost, type Post } from "../../src/net/post.ts";
import type { Targets } from "../../src/net/target.ts";
import { selfSigned } from "../support/certificate.ts";

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const http = (listener: RequestListener): Promise<number> => listen(createHttp(listener));
/** Speaks no HTTP of Node's own. */
const tcp = (talk: (socket: Socket) => void): Promise<number> => listen(createTcp(talk));

const LOOPBACK: Targets = { lookup: async () => ["127.0.0.1"], allowed: new Set(["127.0.0.1", "hooks.internal"]) };

function to(port: number, host = "127.0.0.1", party = "ten_a"): (post: Post) => ReturnType<Post> {
  return (post) => post(new URL(`http://${host}:${port}/mail?x=1`), { "content-type": "application/json" }, "{}", party);
}

describe("a post", () => {
  it("says what was answered", async () => {
    const port = await http((request, response) => void response.writeHead(503, { "retry-after": "7" }).end(request.url));
    expect(await to(port)(createPost(LOOPBACK))).toEqual({ answered: true, status: 503, retry_after: "7" });
  });

  it("follows no redirect, wherever it leads", async () => {
    let asked = 0;
    const secret = await http((_, response) => {
      asked += 1;
      response.end("metadata");
    });
    const port = await http(
      (_, response) => void response.writeHead(307, { location: `http://127.0.0.1:${secret}/latest/meta-data/` }).end(),
    );
    expect(await to(port)(createPost(LOOPBACK))).toMatchObject({ status: 307 });
    expect(asked).toBe(0);
  });

  it("is over in time though nobody answers", async () => {
    const port = await http(() => undefined);
    expect(await to(port)(createPost(LOOPBACK, { deadlineMs: 200 }))).toEqual({ answered: false, why: "timeout" });
  });

  it("is over in time though the head of the answer comes byte by byte", async () => {
    const port = await tcp((socket) => {
      const drip = setInterval(() => socket.write("X"), 10);
      socket.on("close", () => clearInterval(drip));
      socket.write("HTTP/1.1 200 OK\r\n");
    });
    expect(await to(port)(createPost(LOOPBACK, { deadlineMs: 300 }))).toEqual({ answered: false, why: "timeout" });
  });

  it("has its answer though the body never ends, and cuts the connection", async () => {
    const closed = Promise.withResolvers<void>();
    let sent = 0;
    const port = await http((_, response) => {
      response.writeHead(200);
      const block = Buffer.alloc(64 * 1024);
      const more = (): void => {
        while (!response.destroyed && response.write(block)) sent += block.length;
      };
      response.on("drain", more).on("close", () => closed.resolve());
      more();
    });
    expect(await to(port)(createPost(LOOPBACK))).toMatchObject({ answered: true, status: 200 });
    await closed.promise;
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it("has its answer though the body comes byte by byte", async () => {
    const port = await http((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(drip));
    });
    const begun = performance.now();
    expect(await to(port)(createPost(LOOPBACK))).toMatchObject({ status: 200 });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it.each([
    ["a head without end", `HTTP/1.1 200 OK\r\n${"x-more: yes\r\n".repeat(10_000)}`],
    ["no HTTP", "220 mx.example ESMTP\r\n"],
    ["a length that is none", "HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n"],
  ])("%s is no answer", async (_, text) => {
    const port = await tcp((socket) => void socket.on("data", () => socket.write(text)));
    expect(await to(port)(createPost(LOOPBACK, { deadlineMs: 2_000 }))).toEqual({ answered: false, why: "response_invalid" });
  });

  it("one that does not answer has eight calls under way, and others are called all the same", async () => {
    const [hanging, quick] = [await http(() => undefined), await http((_, response) => void response.end())];
    const post = createPost(LOOPBACK, { deadlineMs: 500 });
    const calls = Array.from({ length: 10 }, () => to(hanging)(post));
    expect(await to(quick)(post)).toMatchObject({ answered: true });
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => (answer.answered ? "" : answer.why)).toSorted()).toEqual([
      ...["busy", "busy"],
      ...Array.from({ length: 8 }, () => "timeout"),
    ]);
    expect(await to(quick)(post)).toMatchObject({ answered: true });
  });

  it("nobody there, or gone at once, is no answer", async () => {
    const port = await tcp((socket) => socket.destroy());
    expect(await to(port)(createPost(LOOPBACK))).toEqual({ answered: false, why: "connection_failed" });
    await new Promise((resolve) => servers.pop()!.close(resolve));
    expect(await to(port)(createPost(LOOPBACK))).toEqual({ answered: false, why: "connection_failed" });
  });
});

describe("SSRF: a name is judged by the connection itself", () => {
  /** Counts who connects. */
  async function inside(): Promise<{ readonly port: number; count(): number }> {
    let count = 0;
    const port = await http((_, response) => {
      count += 1;
      response.end();
    });
    return { port, count: () => count };
  }

  it("DNS that answers with a public address first and then with loopback leads nowhere", async () => {
    const { port, count } = await inside();
    let asked = 0;
    const lookup: Targets["lookup"] = async () => ((asked += 1) === 1 ? ["93.184.215.14"] : ["127.0.0.1"]);
    const rebinding: Targets = { lookup, allowed: new Set() };
    // As it is registered: public.
    expect(await lookup("rebound.example")).toEqual(["93.184.215.14"]);
    expect(await to(port, "rebound.example")(createPost(rebinding))).toEqual({ answered: false, why: "address_refused" });
    expect(count()).toBe(0);
    expect(asked).toBeGreaterThanOrEqual(2);
  });

  it("one address inside among public ones refuses them all", async () => {
    const { port, count } = await inside();
    const half: Targets = { lookup: async () => ["93.184.215.14", "127.0.0.1"], allowed: new Set() };
    expect(await to(port, "half.example")(createPost(half))).toEqual({ answered: false, why: "address_refused" });
    expect(count()).toBe(0);
  });

  it.each(["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]"])("an address needs no name: %s", async (host) => {
    const { port, count } = await inside();
    const nobody: Targets = { lookup: async () => ["93.184.215.14"], allowed: new Set() };
    expect(await to(port, host)(createPost(nobody))).toEqual({ answered: false, why: "address_refused" });
    expect(count()).toBe(0);
  });

  it("a name that is not there is said to be that", async () => {
    const nobody: Targets = { lookup: () => Promise.reject(new Error("ENOTFOUND")), allowed: new Set() };
    expect(await to(443, "nowhere.example")(createPost(nobody))).toEqual({ answered: false, why: "name_not_found" });
  });

  it("a host that the operator named is reached wherever it is", async () => {
    const { port, count } = await inside();
    expect(await to(port, "hooks.internal")(createPost(LOOPBACK))).toMatchObject({ answered: true });
    expect(count()).toBe(1);
  });
});

describe("one party", () => {
  it("MB-18 has half of all calls under way, under however many names it is called, and others are called all the same", async () => {
    const silent = await http(() => undefined);
    const prompt = await http((_, response) => void response.writeHead(204).end());
    const hosts = Array.from({ length: 8 }, (_, nth) => `hook-${nth}.internal`);
    const post = createPost({ lookup: LOOPBACK.lookup, allowed: new Set([...hosts, "127.0.0.1"]) }, { deadlineMs: 1_500 });
    const calls = hosts.flatMap((host) => Array.from({ length: 8 }, () => to(silent, host)(post)));
    expect(await to(prompt, "127.0.0.1", "ten_b")(post)).toMatchObject({ answered: true, status: 204 });
    const answers = await Promise.all(calls);
    expect(answers.filter((answer) => !answer.answered && answer.why === "busy")).toHaveLength(32);
    expect(await to(prompt)(post)).toMatchObject({ status: 204 });
  });
});

describe("TLS", () => {
  it("is verified: against the name of the URL, and against those who are trusted", async () => {
    const certificate = selfSigned("hooks.internal");
    const port = await listen(
      createHttps({ key: certificate.key, cert: certificate.cert }, (_, response) => void response.writeHead(204).end()),
    );
    const url = (host: string): URL => new URL(`https://${host}:${port}/`);
    const trusting = createPost({ ...LOOPBACK, allowed: new Set(["hooks.internal", "other.internal"]) }, { ca: certificate.cert });
    expect(await trusting(url("hooks.internal"), {}, "{}", "ten_a")).toMatchObject({ answered: true, status: 204 });
    expect(await trusting(url("other.internal"), {}, "{}", "ten_a")).toEqual({ answered: false, why: "tls_failed" });
    expect(await createPost(LOOPBACK)(url("hooks.internal"), {}, "{}", "ten_a")).toEqual({ answered: false, why: "tls_failed" });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await createPost(LOOPBACK)(url("hooks.internal"), {}, "{}", "ten_a")).toEqual({ answered: false, why: "tls_failed" });
  });
});
