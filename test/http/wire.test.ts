import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BODY_BYTES } from "../../src/http/harden.ts";
import { startHttp } from "../../src/http/server.ts";
import { createHttpApp } from "../../src/http/app.ts";
import { Registry } from "prom-client";
import { ADMIN_KEY, startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

describe("X-22 problems", () => {
  it("are RFC 9457 with a stable code, a detail and the request's id", async () => {
    const answer = await rig.call("GET", "/v1/messages/msg_nothing");
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.body).toEqual({
      type: "urn:postern:problem:not_found",
      title: "Not found",
      status: 404,
      code: "not_found",
      detail: "no such message",
      fix: "check the id, and that this key may see it",
      request_id: answer.headers.get("x-request-id"),
    });
    expect(answer.headers.get("x-request-id")).toMatch(/^req_[0-9a-z]{16}$/);
  });

  it.each(["/", "/v1", "/v1/nothing", "/v1/mailboxes/", "/v1/messages/x/y/z", "/V1/mailboxes", "//"])(
    "an unknown route is a 404: %s",
    async (path) => {
      for (const key of [ADMIN_KEY, null])
        expect((await rig.call("GET", path, { key })).body).toMatchObject({ status: 404, code: "not_found" });
    },
  );

  it("a wrong method is a 405 that names the right ones", async () => {
    const answer = await rig.call("PATCH", "/v1/mailboxes");
    expect(answer.body).toMatchObject({ status: 405, code: "method_not_allowed" });
    expect(answer.headers.get("allow")).toBe("GET, POST");
    expect((await rig.call("POST", "/v1/mailboxes/x/policy", { body: {} })).headers.get("allow")).toBe("GET, PUT");
  });

  it.each(["{", "", "nul", '{"name":"x",}'])("a body that is not JSON is a 400: %j", async (body) => {
    const answer = await rig.call("POST", "/v1/keys", { body, headers: { "content-type": "application/json" } });
    expect(answer.body).toMatchObject({ status: 400, code: "malformed_request" });
  });

  it("unknown members of a body are refused by name", async () => {
    const answer = await rig.call("POST", "/v1/tenants", { body: { name: "x", nmae: "y" } });
    expect(answer.body).toMatchObject({ status: 422, code: "invalid_request", errors: [{ path: "", message: "unknown: `nmae`" }] });
  });

  it.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])(
    "a body of the type %s is a 415",
    async (type) => {
      const answer = await rig.call("POST", "/v1/keys", { body: "name=x", headers: { "content-type": type } });
      expect(answer.body).toMatchObject({ status: 415, code: "unsupported_media_type" });
    },
  );

  it("a store that cannot be reached is a 503 to be tried again", async () => {
    const other = await startRig();
    await other.store.close();
    const answer = await other.call("GET", "/v1/mailboxes");
    expect(answer.body).toMatchObject({ status: 503, code: "unavailable" });
    expect(answer.headers.get("retry-after")).toBe("1");
    await other.stop();
  });
});

describe("bounds", () => {
  const body = (bytes: number) => JSON.stringify({ name: "x".repeat(bytes - 11) });

  it("a body of 1 MiB is read, one byte more is a 413 before it is", async () => {
    expect(Buffer.byteLength(body(BODY_BYTES))).toBe(BODY_BYTES);
    expect((await rig.call("POST", "/v1/tenants", { body: body(BODY_BYTES) })).status).toBe(422);
    expect((await rig.call("POST", "/v1/tenants", { body: body(BODY_BYTES + 1) })).body).toMatchObject({
      status: 413,
      code: "payload_too_large",
    });
  });

  it("the announced length is enough to refuse", async () => {
    const reply = await raw(
      `POST /v1/tenants HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: ${BODY_BYTES + 1}\r\n\r\n{`,
    );
    expect(reply).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("a body of no announced length is read up to the limit", async () => {
    const chunked = async (text: string) => {
      const stream = new ReadableStream({
        start(controller) {
          for (let at = 0; at < text.length; at += 65_536) controller.enqueue(Buffer.from(text.slice(at, at + 65_536)));
          controller.close();
        },
      });
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
      return fetch(`${rig.base}/v1/tenants`, { method: "POST", body: stream, headers, duplex: "half" });
    };
    expect((await chunked(JSON.stringify({ name: "chunked" }))).status).toBe(201);
    expect((await chunked(body(BODY_BYTES + 1))).status).toBe(413);
  });

  it("a stranger is answered before a body of no announced length has ended", async () => {
    const begun = "Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{ \r\n";
    expect(await raw(`POST /v1/keys HTTP/1.1\r\n${begun}`)).toMatch(/^HTTP\/1\.1 401 /);
    expect(await raw(`POST /v1/nowhere HTTP/1.1\r\n${begun}`)).toMatch(/^HTTP\/1\.1 404 /);
  });

  it("a header block over 16 KiB is refused", async () => {
    expect(await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ${"x".repeat(17_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  it("ambiguous framing is refused (RFC 9112 §6.3)", async () => {
    expect(await raw("POST /v1/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 /,
    );
  });

  function raw(text: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const socket = connect(Number(new URL(rig.base).port), "127.0.0.1", () => socket.write(text));
    socket.on("error", reject);
    socket.once("data", (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    return promise;
  }
});

describe("every answer", () => {
  it("carries headers that keep a browser from doing anything with it", async () => {
    for (const path of ["/v1/mailboxes", "/nothing", "/healthz", "/docs"]) {
      const headers = Object.fromEntries((await rig.call("GET", path)).headers);
      expect(headers, path).toMatchObject({
        "cache-control": "no-store",
        "content-security-policy": expect.stringContaining("default-src 'none'") as string,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
      });
      expect(headers).not.toHaveProperty("access-control-allow-origin");
    }
  });

  it("names the request itself: an id from outside is not taken over", async () => {
    const answer = await rig.call("GET", "/healthz", { headers: { "x-request-id": "canary" } });
    expect(answer.headers.get("x-request-id")).not.toBe("canary");
  });
});

describe("probes", () => {
  it("healthz answers without a key", async () => {
    expect((await rig.call("GET", "/healthz", { key: null })).body).toEqual({ status: "ok", version: "0.0.0-test" });
  });

  it("readyz says which of store and Temporal does not answer", async () => {
    expect((await rig.call("GET", "/readyz", { key: null })).body).toEqual({ status: "ready", checks: { store: "ok", temporal: "ok" } });
    rig.temporalUp = false;
    const answer = await rig.call("GET", "/readyz", { key: null });
    rig.temporalUp = true;
    expect(answer.status).toBe(503);
    expect(answer.body).toEqual({ status: "not_ready", checks: { store: "ok", temporal: "unreachable" } });
  });

  it("metrics count by route pattern and status: no id, address or key is a label", async () => {
    const { id, address } = await rig.mailbox();
    await rig.call("GET", `/v1/mailboxes/${id}`);
    await rig.call("GET", "/unknown/path-canary");
    await rig.call("WEIRD", "/healthz").catch(() => undefined);
    const { text } = await rig.call("GET", "/metrics", { key: null });
    expect(text).toContain('postern_http_requests_total{method="GET",route="/v1/mailboxes/:id",status="200"}');
    expect(text).toContain('route="unknown",status="404"');
    for (const personal of [id, address, "canary", ADMIN_KEY, rig.tenant]) expect(text).not.toContain(personal);
  });
});

describe("the server", () => {
  it("an address that cannot be taken is one clear error", async () => {
    const port = Number(new URL(rig.base).port);
    const app = createHttpApp({ ...rig.deps, metrics: new Registry() });
    await expect(startHttp({ app, host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "invalid_config",
      message: expect.stringContaining("the port is in use") as string,
      fix: expect.any(String) as string,
    });
  });

  it("close frees the port while an idle client holds a connection", async () => {
    const app = createHttpApp({ ...rig.deps, metrics: new Registry() });
    const http = await startHttp({ app, host: "127.0.0.1", port: 0 });
    await (await fetch(`${http.address}/healthz`)).text();
    await http.close();
    await expect(fetch(`${http.address}/healthz`)).rejects.toThrow();
  });
});

describe("the log", () => {
  it("holds one line a request, by pattern, and neither keys, grants, bodies, addresses nor raw paths", async () => {
    const { id: mailbox, address } = await rig.mailbox();
    const key = await rig.key(["read"], [mailbox]);
    const message = await rig.message({ mailbox, text: "body-canary", subject: "subject-canary" });
    const { body } = await rig.call("GET", `/v1/messages/${message}`, { key });
    await rig.call("POST", "/v1/grants/check", { key, body: { grant: body.grant, capability: "capability-canary" } });
    await rig.call("GET", "/path-canary?query-canary=1", { key, headers: { "user-agent": "agent-canary", "x-request-id": "id-canary" } });
    await rig.call("POST", "/v1/keys", { body: '{"name": "json-canary"' });
    const log = rig.lines.join("\n");
    expect(log).toContain('"route":"/v1/messages/:id"');
    for (const secret of ["canary", key, key.slice(9), ADMIN_KEY, body.grant, body.grant.split(".")[2], address])
      expect(log).not.toContain(secret);
  });
});
