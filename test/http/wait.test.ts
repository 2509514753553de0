import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MailboxId } from "../../src/model/ids.ts";
import type { Store, Watch } from "../../src/store/contract.ts";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
let box: { id: MailboxId };
let key: string;
/** Resolves when the door has subscribed for the next time. */
let subscribed: PromiseWithResolvers<void>;
let open = 0;

beforeAll(async () => {
  rig = await startRig();
  observeWatches(rig.store);
  box = await rig.mailbox();
  key = await rig.key(["read"], [box.id]);
});
afterAll(() => rig.stop());

/** Counts the door's live subscriptions on the real store. */
function observeWatches(store: Store): void {
  const watch = store.watch.bind(store);
  store.watch = (name, timeoutMs): Watch => {
    const made = watch(name, timeoutMs);
    open += 1;
    void made.moved.then(() => (open -= 1));
    subscribed.resolve();
    return made;
  };
  subscribed = Promise.withResolvers();
}

function nextSubscription(): Promise<void> {
  subscribed = Promise.withResolvers();
  return subscribed.promise;
}

const wait = (query: string, signal?: AbortSignal) =>
  rig.call("GET", `/v1/mailboxes/${box.id}/wait${query}`, { key, ...(signal === undefined ? {} : { signal }) });

describe("MH-05 wait", () => {
  it("wakes on a delivery with the message and a cursor to go on from", async () => {
    const ready = nextSubscription();
    const waiting = wait("?timeout_s=60");
    await ready;
    const id = await rig.message({ mailbox: box.id });
    const first = await waiting;
    expect(first.body).toMatchObject({ type: "message", message: { id, text: "Shall we have lunch?" } });
    expect(first.body.message.grant).toEqual(expect.any(String));
    const after = await wait(`?timeout_s=0&after=${first.body.cursor}`);
    expect(after.body).toEqual({ type: "timeout", cursor: first.body.cursor });
  });

  it("without a cursor begins with the oldest delivered message, and cursors walk through all, each once, in order", async () => {
    const { id: mailbox } = await rig.mailbox();
    const made = [];
    for (const subject of ["one", "two", "three"]) made.push(await rig.message({ mailbox, subject }));
    const reader = await rig.key(["read"], [mailbox]);
    const seen: string[] = [];
    let after = "";
    for (;;) {
      const { body } = await rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=0${after}`, { key: reader });
      if (body.type === "timeout") break;
      seen.push(body.message.id);
      after = `&after=${body.cursor}`;
    }
    expect(seen).toEqual(made);
  });

  it("MB-01 is not woken by mail that is held, and is by its release", async () => {
    const { id: mailbox } = await rig.mailbox();
    const reader = await rig.key(["read"], [mailbox]);
    const held = await rig.message({ mailbox, outcome: "held" });
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=0`, { key: reader })).body.type).toBe("timeout");
    const ready = nextSubscription();
    const waiting = rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=60`, { key: reader });
    await ready;
    expect((await rig.call("POST", `/v1/messages/${held}/release`, { body: { note: "fine" } })).status).toBe(200);
    expect((await waiting).body).toMatchObject({ type: "message", message: { id: held } });
  });

  it("a client that goes away frees its subscription", async () => {
    const { id: mailbox } = await rig.mailbox();
    const gone = new AbortController();
    const ready = nextSubscription();
    const waiting = rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=60`, { signal: gone.signal });
    await ready;
    const before = open;
    gone.abort();
    await expect(waiting).rejects.toThrow();
    await expect.poll(() => open).toBe(before - 1);
  });

  it("at most 32 calls wait with one key; the next is a 429 until one is done", async () => {
    const { id: mailbox } = await rig.mailbox();
    const busy = await rig.key(["read"], [mailbox]);
    const gone = new AbortController();
    const before = open;
    const poll = (timeout: number, signal?: AbortSignal) =>
      rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=${timeout}`, { key: busy, ...(signal === undefined ? {} : { signal }) });
    const waiting = Array.from({ length: 32 }, () => poll(60, gone.signal).catch(() => null));
    await expect.poll(() => open, { timeout: 10_000 }).toBe(before + 32);
    expect((await poll(0)).body).toMatchObject({ status: 429, code: "too_many_requests" });
    expect((await rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=0`)).status).toBe(200);
    gone.abort();
    await Promise.all(waiting);
    await expect.poll(async () => (await poll(0)).status, { timeout: 10_000 }).toBe(200);
  });

  it.each(["timeout_s=-1", "timeout_s=61", "timeout_s=x", "after=bogus", "afetr=x"])("?%s is a 422", async (query) => {
    expect((await wait(`?${query}`)).body).toMatchObject({ status: 422, code: "invalid_request" });
  });

  it("a cursor of another mailbox is refused rather than misread", async () => {
    const { id: other } = await rig.mailbox();
    const { body } = await rig.call("GET", `/v1/mailboxes/${other}/wait?timeout_s=0`);
    expect((await wait(`?timeout_s=0&after=${body.cursor}`)).status).toBe(422);
  });

  it("a stopping instance lets waiting calls end", async () => {
    const other = await startRig();
    const { id } = await other.mailbox();
    const watching = Promise.withResolvers<void>();
    const watch = other.store.watch.bind(other.store);
    other.store.watch = (name, timeoutMs) => {
      watching.resolve();
      return watch(name, timeoutMs);
    };
    const waiting = other.call("GET", `/v1/mailboxes/${id}/wait?timeout_s=60`);
    await watching.promise;
    other.closing.abort();
    expect((await waiting).body.type).toBe("timeout");
    await other.stop();
  });
});
