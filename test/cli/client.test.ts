import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createClient, segment, type Client } from "../../src/cli/client.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function clientOf(listener: RequestListener): Promise<Client> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return createClient({ url: `http://127.0.0.1:${port}`, key: async () => "pst_live_test", fetch });
}

describe("the HTTP client", () => {
  it("X-22 a problem comes back as the error it was, with code, fix and the places of it", async () => {
    const body = {
      type: "x",
      title: "x",
      status: 422,
      code: "invalid_policy",
      detail: "the policy is invalid",
      fix: "correct it",
      request_id: "r",
    };
    const client = await clientOf((_, answer) => {
      answer
        .writeHead(422, { "content-type": "application/problem+json" })
        .end(JSON.stringify({ ...body, errors: [{ path: "senders[0]", message: "no" }] }));
    });
    await expect(client.get("/")).rejects.toMatchObject({
      code: "invalid_policy",
      message: "the policy is invalid",
      fix: "correct it",
      problems: [{ path: "senders[0]", message: "no" }],
    });
  });

  it("sends the key, the method and the body, and asks once only", async () => {
    const seen: string[] = [];
    const client = await clientOf((request, answer) => {
      seen.push(`${request.method} ${request.url} ${request.headers.authorization} ${request.headers["content-type"]}`);
      answer.writeHead(503, { "content-type": "application/problem+json" }).end(JSON.stringify({ code: "unavailable", detail: "later" }));
    });
    await expect(client.send("PUT", "/v1/x", { a: 1 })).rejects.toMatchObject({ code: "unavailable", temporary: true });
    expect(seen).toEqual(["PUT /v1/x Bearer pst_live_test application/json"]);
  });

  it("sends further headers, never another key, and nothing where there is nothing to send", async () => {
    const seen: unknown[] = [];
    const client = await clientOf((request, answer) => {
      const { authorization, "content-type": type, "idempotency-key": key } = request.headers;
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        seen.push([request.method, authorization, type, key, body]);
        answer.end("{}");
      });
    });
    expect(await client.send("PATCH", "/", { a: 1 }, { "idempotency-key": "order-4711", authorization: "Bearer other" })).toEqual({});
    expect(await client.send("DELETE", "/", null)).toEqual({});
    expect(seen).toEqual([
      ["PATCH", "Bearer pst_live_test", "application/json", "order-4711", '{"a":1}'],
      ["DELETE", "Bearer pst_live_test", undefined, undefined, ""],
    ]);
  });

  it("NY-13 X-22 a refusal keeps its reason, its ids and when to try again", async () => {
    const client = await clientOf((_, answer) => {
      answer.writeHead(429, { "content-type": "application/problem+json", "retry-after": "120" }).end(
        JSON.stringify({
          code: "too_many_requests",
          detail: "full",
          reason: "send_limit_per_hour",
          decision_id: "dec_1",
          type: "x",
          more: 1,
        }),
      );
    });
    await expect(client.get("/")).rejects.toMatchObject({
      temporary: true,
      retryAfter: 120,
      members: { reason: "send_limit_per_hour", decision_id: "dec_1" },
    });
  });

  it("leaves out what is not asked for in a query", async () => {
    const client = await clientOf((request, answer) => answer.end(JSON.stringify({ url: request.url })));
    expect(await client.get("/v1/x", { limit: 5, cursor: undefined, outcome: "a b" })).toEqual({ url: "/v1/x?limit=5&outcome=a+b" });
  });

  it.each<[string, RequestListener]>([
    ["a page of something else", (_, answer) => answer.writeHead(404, { "content-type": "text/html" }).end("<h1>no</h1>")],
    ["no JSON", (_, answer) => answer.end("hello")],
    ["a list", (_, answer) => answer.end("[]")],
    ["a redirect, which would carry the key elsewhere", (_, answer) => answer.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
    ["a problem without text", (_, answer) => answer.writeHead(500, { "content-type": "application/problem+json" }).end("{}")],
    ["more than any answer may be", (_, answer) => answer.end(Buffer.alloc(65 * 1024 * 1024))],
  ])("%s is not Postern", async (_, listener) => {
    const client = await clientOf(listener);
    await expect(client.get("/")).rejects.toMatchObject({ code: "unavailable", message: /not what Postern does/ });
  });

  it("a service that is not there, or hangs up, cannot be reached", async () => {
    const gone = createClient({ url: "http://127.0.0.1:1", key: async () => "k", fetch });
    await expect(gone.get("/")).rejects.toMatchObject({
      code: "unavailable",
      fix: /`npm start`, or the worker that has the plugin.*POSTERN_URL/,
    });
    const rude = await clientOf((request) => request.socket.destroy());
    await expect(rude.get("/")).rejects.toMatchObject({ code: "unavailable" });
  });

  it("an id cannot become another path", () => {
    expect(segment("msg_1/../../v1/keys?x#y")).toBe("msg_1%2F..%2F..%2Fv1%2Fkeys%3Fx%23y");
    for (const id of ["", ".", ".."]) expect(() => segment(id)).toThrow(/is not an id/);
  });
});
