import { once } from "node:events";
import { connect } from "node:net";
import { OpenAPIHono } from "@hono/zod-openapi";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { identify } from "../../src/http/auth.ts";
import type { HttpEnv } from "../../src/http/deps.ts";
import { answerError } from "../../src/http/problem.ts";
import { startHttp } from "../../src/http/server.ts";
import { streamRoutes } from "../../src/http/stream.ts";
import type { MailboxId } from "../../src/model/ids.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

/** Of the test: long enough to be seen. */
const STUCK_MS = 700;

interface Event {
  readonly id: string;
  readonly event: string;
  readonly data: any;
}

/** A client of server-sent events, as far as these tests need one. */
class Events {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #abort: AbortController;
  #text = "";

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reader = response.body!.getReader();
  }

  static async open(mailbox: string, key: string, headers: Record<string, string> = {}, query = ""): Promise<Events> {
    const abort = new AbortController();
    const response = await fetch(`${rig.base}/v1/mailboxes/${mailbox}/stream${query}`, {
      headers: { authorization: `Bearer ${key}`, ...headers },
      signal: abort.signal,
    });
    return new Events(response, abort);
  }

  /** Null: the stream has ended. */
  async next(): Promise<Event | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end === -1) {
        const { done, value } = await this.#reader.read();
        if (done) return null;
        this.#text += Buffer.from(value).toString();
        continue;
      }
      const fields = new Map(
        this.#text
          .slice(0, end)
          .split("\n")
          .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
      );
      this.#text = this.#text.slice(end + 2);
      if (fields.has("event")) return { id: fields.get("id")!, event: fields.get("event")!, data: JSON.parse(fields.get("data")!) };
    }
  }

  close(): void {
    this.#abort.abort();
  }
}

async function reading(): Promise<{ mailbox: MailboxId; key: string }> {
  const { id: mailbox } = await rig.mailbox({ agent: `agent-${rig.lines.length}` });
  return { mailbox, key: await rig.key(["read"], [mailbox]) };
}

describe("X-18 the stream", () => {
  it("brings what is there, oldest first, and then each message as it is delivered, as GET /v1/messages/{id} has it", async () => {
    const { mailbox, key } = await reading();
    const first = await rig.message({ mailbox });
    await rig.message({ mailbox, outcome: "held" });
    const events = await Events.open(mailbox, key);
    expect(events.response.headers.get("content-type")).toContain("text/event-stream");
    const one = await events.next();
    expect(one).toMatchObject({ event: "message", data: { id: first, grant: expect.any(String) as string } });
    const { grant: _, ...read } = (await rig.call("GET", `/v1/messages/${first}`, { key })).body;
    expect(one!.data).toMatchObject(read);
    const second = await rig.message({ mailbox });
    expect((await events.next())!.data.id).toBe(second);
    events.close();
  });

  it("goes on after Last-Event-ID, which is the cursor of wait", async () => {
    const { mailbox, key } = await reading();
    const ids = [await rig.message({ mailbox }), await rig.message({ mailbox }), await rig.message({ mailbox })];
    const { cursor } = (await rig.call("GET", `/v1/mailboxes/${mailbox}/wait`, { key })).body;
    const events = await Events.open(mailbox, key, { "last-event-id": cursor });
    const second = await events.next();
    expect(second!.data.id).toBe(ids[1]);
    events.close();
    const again = await Events.open(mailbox, key, {}, `?after=${second!.id}`);
    expect((await again.next())!.data.id).toBe(ids[2]);
    again.close();
    const other = await reading();
    expect((await Events.open(other.mailbox, other.key, { "last-event-id": cursor })).response.status).toBe(422);
  });

  it("ends for a key that is revoked, before it sees another message", async () => {
    const { mailbox } = await reading();
    const made = await rig.call("POST", "/v1/keys", { body: { name: "short", scopes: ["read"], mailboxes: [mailbox] } });
    const events = await Events.open(mailbox, made.body.key as string);
    await rig.call("DELETE", `/v1/keys/${made.body.id}`);
    await rig.message({ mailbox });
    expect(await events.next()).toBeNull();
  });

  it("X-27 ends for an agent whose mailbox is stopped, and is refused until it is started", async () => {
    const { mailbox, key } = await reading();
    const events = await Events.open(mailbox, key);
    await rig.call("POST", `/v1/mailboxes/${mailbox}/stop`);
    await rig.message({ mailbox });
    expect(await events.next()).toBeNull();
    expect((await Events.open(mailbox, key)).response.status).toBe(403);
  });

  it("MB-18 is nobody's but the mailbox's own", async () => {
    const [one, other] = [await reading(), await reading()];
    expect((await Events.open(one.mailbox, other.key)).response.status).toBe(404);
  });

  it("a key has so many at once, and gets its place back when a client goes", async () => {
    const { mailbox, key } = await reading();
    const open = await Promise.all(Array.from({ length: 16 }, () => Events.open(mailbox, key)));
    expect(open.map(({ response }) => response.status)).toEqual(Array.from({ length: 16 }, () => 200));
    expect((await Events.open(mailbox, key)).response.status).toBe(429);
    open[0]!.close();
    for (;;) {
      const next = await Events.open(mailbox, key);
      next.close();
      if (next.response.status === 200) break;
    }
    for (const events of open) events.close();
  });

  it("is cut off, and its place given to others, when whoever asked for it reads nothing", async () => {
    const { mailbox, key } = await reading();
    for (let nth = 0; nth < 8; nth++) await rig.message({ mailbox, text: "x".repeat(2_000_000) });
    const app = new OpenAPIHono<HttpEnv>();
    app.use(identify(rig.store));
    app.route("/", streamRoutes(rig.deps, { perKey: 1, stuckMs: STUCK_MS })).onError(answerError(rig.deps.log));
    const http = await startHttp({ app, host: "127.0.0.1", port: 0 });
    const path = `/v1/mailboxes/${mailbox}/stream`;
    const socket = connect(Number(new URL(http.address).port), "127.0.0.1").on("error", () => undefined);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: postern.test\r\nAuthorization: Bearer ${key}\r\n\r\n`);
    await once(socket, "readable");
    const another = async (): Promise<number> => {
      const abort = new AbortController();
      const { status } = await fetch(http.address + path, { headers: { authorization: `Bearer ${key}` }, signal: abort.signal });
      abort.abort();
      return status;
    };
    expect(await another()).toBe(429);
    await vi.waitFor(async () => expect(await another()).toBe(200), { timeout: 10_000, interval: 50 });
    const ended = once(socket, "close");
    socket.resume();
    await ended;
    await http.close();
  });

  it("ends with the instance", async () => {
    const { mailbox, key } = await reading();
    const events = await Events.open(mailbox, key);
    rig.closing.abort();
    expect(await events.next()).toBeNull();
  });
});
