import { createSocket } from "node:dgram";
import { describe, expect, it, onTestFinished } from "vitest";
import { createSystemResolver, createZoneResolver, dnsError, withBudget, withCache, type Resolver } from "../../src/mail/dns.ts";
import { PosternError } from "../../src/model/errors.ts";

const zone = createZoneResolver({
  "Acme.Example": { TXT: ["v=spf1 -all", ["two ", "strings"]], MX: [[10, "mx.acme.example"]], A: ["192.0.2.1"] },
  "broken.example": { TXT: "TEMPFAIL" },
});

describe("a zone", () => {
  it("answers in the shapes of node:dns", async () => {
    expect(await zone("acme.example", "TXT")).toEqual([["v=spf1 -all"], ["two ", "strings"]]);
    expect(await zone("acme.example", "MX")).toEqual([{ priority: 10, exchange: "mx.acme.example" }]);
    expect(await zone("acme.example", "A")).toEqual(["192.0.2.1"]);
  });

  it("does not care about case", async () => {
    expect(await zone("ACME.EXAMPLE", "a")).toEqual(["192.0.2.1"]);
  });

  it("X-29 knows no other name, no other record, and fails for now where it is told to", async () => {
    await expect(zone("other.example", "TXT")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(zone("acme.example", "AAAA")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(zone("broken.example", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
  });

  it("hands out answers that may be changed", async () => {
    (await zone("acme.example", "MX")).pop();
    expect(await zone("acme.example", "MX")).toHaveLength(1);
  });

  it.each<[string, unknown, string]>([
    ["a list", [], "zone"],
    ["records that are a list", { "a.example": [] }, 'zone["a.example"]'],
    ["text instead of a list", { "a.example": { TXT: "v=spf1" } }, 'zone["a.example"].TXT'],
    ["a number as TXT", { "a.example": { TXT: [1] } }, 'zone["a.example"].TXT[0]'],
    ["an MX without priority", { "a.example": { MX: ["mx.a.example"] } }, 'zone["a.example"].MX[0]'],
    ["a type it does not know", { "a.example": { SRV: ["x"] } }, 'zone["a.example"].SRV[0]'],
  ])("refuses %s and says where", (_name, document, path) => {
    const build = (): Resolver => createZoneResolver(document);
    expect(build).toThrow(PosternError);
    try {
      build();
    } catch (error) {
      expect((error as PosternError).problems.map((problem) => problem.path)).toEqual([path]);
    }
  });
});

/** Answers `name` with the name, counts, and fails as the name says. */
function counted(): { resolver: Resolver; asked: string[] } {
  const asked: string[] = [];
  const resolver: Resolver = async (name, type) => {
    asked.push(`${type} ${name}`);
    if (name === "none") throw dnsError("ENOTFOUND");
    if (name === "later") throw dnsError("ETIMEOUT");
    return [name];
  };
  return { resolver, asked };
}

describe("a message's share of DNS", () => {
  it("is 60 look-ups; the next one fails for now without being asked", async () => {
    const { resolver, asked } = counted();
    const bounded = withBudget(resolver, { lookups: 60, ms: 5_000 }, () => 0);
    for (let at = 0; at < 60; at++) await bounded(`n${at}`, "TXT");
    await expect(bounded("n60", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(asked).toHaveLength(60);
  });

  it("ends after its time by the given clock", async () => {
    const { resolver, asked } = counted();
    let now = 1_000;
    const bounded = withBudget(resolver, { lookups: 60, ms: 5_000 }, () => now);
    now = 5_999;
    expect(await bounded("a", "TXT")).toEqual(["a"]);
    now = 6_000;
    await expect(bounded("b", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(asked).toEqual(["TXT a"]);
  });

  it("does not wait for an answer that never comes", async () => {
    const bounded = withBudget(() => new Promise(() => undefined), { lookups: 60, ms: 30 }, Date.now);
    await expect(bounded("a", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
  });
});

describe("the cache", () => {
  function cached(max = 10): { resolver: Resolver; asked: string[]; pass: (ms: number) => void } {
    const { resolver, asked } = counted();
    let now = 0;
    return { resolver: withCache(resolver, { max, ttlMs: 1_000, now: () => now }), asked, pass: (ms) => (now += ms) };
  }

  it("keeps answers and negative answers for their time", async () => {
    const { resolver, asked, pass } = cached();
    for (const name of ["a", "A", "none", "none"]) await resolver(name, "TXT").catch(() => null);
    expect(asked).toEqual(["TXT a", "TXT none"]);
    pass(1_000);
    await resolver("a", "TXT");
    await expect(resolver("none", "TXT")).rejects.toMatchObject({ code: "ENOTFOUND" });
    expect(asked).toHaveLength(4);
  });

  it("does not keep what is longer than any honest record", async () => {
    const asked: string[] = [];
    const long: Resolver = async (name) => {
      asked.push(name);
      return [["x".repeat(name === "long" ? 5_000 : 4_000)]];
    };
    const resolver = withCache(long, { max: 10, ttlMs: 1_000, now: () => 0 });
    for (const name of ["long", "long", "short", "short"]) await resolver(name, "TXT");
    expect(asked).toEqual(["long", "long", "short"]);
  });

  it("never keeps a failure", async () => {
    const { resolver, asked } = cached();
    await expect(resolver("later", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
    await expect(resolver("later", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(asked).toHaveLength(2);
  });

  it("asks once while a question is open", async () => {
    const { resolver, asked } = cached();
    expect(await Promise.all([resolver("a", "TXT"), resolver("a", "TXT"), resolver("a", "MX")])).toEqual([["a"], ["a"], ["a"]]);
    expect(asked).toEqual(["TXT a", "MX a"]);
  });

  it("hands out copies", async () => {
    const { resolver } = cached();
    (await resolver("a", "TXT")).pop();
    expect(await resolver("a", "TXT")).toEqual(["a"]);
  });

  it("holds no more than it may", async () => {
    const { resolver, asked } = cached(2);
    for (const name of ["a", "b", "c", "a"]) await resolver(name, "TXT");
    expect(asked).toHaveLength(4);
    await resolver("c", "TXT");
    expect(asked).toHaveLength(4);
  });
});

describe("the machine's resolver", () => {
  /** A server that counts questions and never answers. */
  async function silentServer(): Promise<{ address: string; questions: () => number }> {
    const socket = createSocket("udp4");
    let questions = 0;
    socket.on("message", () => questions++);
    await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
    onTestFinished(() => void socket.close());
    return { address: `127.0.0.1:${socket.address().port}`, questions: () => questions };
  }

  it("gives up on a silent server as a failure for now", async () => {
    const server = await silentServer();
    const resolver = createSystemResolver({ timeoutMs: 20, servers: [server.address] });
    await expect(resolver("acme.example", "TXT")).rejects.toMatchObject({ code: "ETIMEOUT" });
    expect(server.questions()).toBeGreaterThan(0);
  });

  it.each([
    "acme.example\0.evil.example",
    "a b.example",
    "bücher.example",
    "a\\.example",
    "",
    `${"a".repeat(64)}.example`,
    "a..example",
    "x".repeat(300),
  ])("does not ask for %j, which is no name", async (name) => {
    const server = await silentServer();
    const resolver = createSystemResolver({ timeoutMs: 20, servers: [server.address] });
    await expect(resolver(name, "TXT")).rejects.toMatchObject({ code: "ENOTFOUND" });
    expect(server.questions()).toBe(0);
  });
});
