import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { verify } from "../../activities/verify.ts";
import type { ActivityDeps } from "../../activities/deps.ts";
import type { StoredMessage } from "../../src/mail/reader.ts";
import type { InboundInput } from "../../src/model/message.ts";
import type { ReaderPoolOptions } from "../../src/threads/pool.ts";
import { mailFrom, readersOver, sentBy, TENANT } from "./stored.ts";

const RUDE = { entry: new URL("./rude-thread.ts", import.meta.url), jobMs: 400 };
const NO_PATTERNS = { digest: "none", guards: [] };
const FOR_GOOD = { code: "internal", temporary: false };
const FOR_NOW = { code: "unavailable", temporary: true };

let count = 0;

/** Threads that do what HELO says; every job is another message. */
async function rudeReaders(options: Partial<ReaderPoolOptions> = {}) {
  const { pool } = await readersOver({ ...RUDE, ...options });
  const told = (helo: string, size = 100) =>
    pool.authenticate(messageOf(size), { ip: "192.0.2.1", helo, sender: "", recipient: "assistant@acme.example" });
  return { pool, told };
}

function messageOf(size: number): StoredMessage {
  return { tenant: TENANT, ref: { digest: (count += 1).toString(16).padStart(64, "0"), size } };
}

describe("a message that hangs its thread", () => {
  it.each(["hang", "wait and hang"])(
    "fails for good after its time, and its neighbours are read as if nothing had been (%s)",
    async (helo) => {
      const { told } = await rudeReaders();
      // The first and the last only wait: the oldest job is not the one to blame, nor the latest.
      const [first, culprit, last] = [told("wait for ever"), told(helo), told("wait")];
      await expect(culprit).rejects.toMatchObject(FOR_GOOD);
      expect(await last).toMatchObject({ subject: "wait" });
      expect(await told("read")).toMatchObject({ subject: "read" });
      expect(await Promise.race([first, Promise.resolve("still waiting")])).toBe("still waiting");
      first.catch(() => {});
    },
  );

  it("is never delivered: its judgement is a fault, for which a mailbox holds it", async () => {
    const { pool } = await rudeReaders();
    const faults: string[] = [];
    const deps = { reader: pool, onFault: ({ code }: { code: string }) => faults.push(code) } as unknown as ActivityDeps;
    const input = { ...messageOf(100), envelope: { helo: "stand still" } } as unknown as InboundInput;
    expect(await verify(deps, input)).toEqual({ kind: "failed" });
    expect(faults).toEqual(["internal"]);
  });

  it("does not take its neighbours with it when there are many of it", async () => {
    const { told } = await rudeReaders();
    const innocent = told("wait");
    const culprits = await Promise.allSettled(Array.from({ length: 5 }, () => told("stand still")));
    for (const culprit of culprits) expect(culprit).toMatchObject({ status: "rejected", reason: FOR_GOOD });
    expect(await innocent).toMatchObject({ subject: "wait" });
  });
});

describe("a thread that dies", () => {
  it("takes only the message with it in whose turn it dies twice", async () => {
    const { told } = await rudeReaders();
    const [innocent, deadly] = [told("wait"), told("die")];
    await expect(deadly).rejects.toMatchObject(FOR_GOOD);
    expect(await innocent).toMatchObject({ subject: "wait" });
  });

  it("before it reads anything is a failure for now, not for ever", async () => {
    const { told } = await rudeReaders({ entry: new URL("./absent-thread.ts", import.meta.url) });
    await expect(told("read")).rejects.toMatchObject(FOR_NOW);
  });
});

describe("jobs that wait", () => {
  it("are bounded in number", async () => {
    const { told } = await rudeReaders({ maxJobs: 3 });
    const accepted = [told("wait"), told("wait"), told("wait")];
    await expect(told("read")).rejects.toMatchObject(FOR_NOW);
    await Promise.all(accepted);
    expect(await told("read")).toMatchObject({ subject: "read" });
  });

  it("are bounded in time, and whoever waits is not blamed for it", async () => {
    const { told } = await rudeReaders({ waitMs: 1_500 });
    await expect(told("wait for ever")).rejects.toMatchObject(FOR_NOW);
    expect(await told("read")).toMatchObject({ subject: "read" });
  });

  it("are told when the pool closes, and so is whoever comes later", async () => {
    const { pool, told } = await rudeReaders();
    const waiting = told("wait for ever");
    await Promise.all([expect(waiting).rejects.toMatchObject(FOR_NOW), pool.close()]);
    await expect(told("read")).rejects.toMatchObject(FOR_NOW);
    await pool.close();
  });

  it("of ordinary size do not wait for large ones", async () => {
    const { told } = await rudeReaders({ jobMs: 3_000 });
    const order: string[] = [];
    const large = told("stand still", 128 * 1024).catch(() => order.push("large"));
    await told("read", 128 * 1024 - 1);
    order.push("ordinary");
    await large;
    expect(order).toEqual(["ordinary", "large"]);
  });
});

describe("what a thread stands on", () => {
  it("X-31 a message whose bytes are gone cannot be read, even where they were read a moment ago", async () => {
    const { pool, store, blobs } = await readersOver();
    const message = await store(mailFrom("acme.example"));
    expect((await pool.view(message)).text).toBe("Hello.\n");
    await blobs.remove(TENANT, message.ref.digest);
    await expect(pool.view(message)).rejects.toMatchObject({ code: "not_found", temporary: false });
    const never = { tenant: TENANT, ref: { ...message.ref, digest: message.ref.digest.replace(/^./, "f") } } as typeof message;
    await expect(pool.scan(never, NO_PATTERNS)).rejects.toMatchObject({ code: "not_found" });
  });

  it("the headline of a message authenticated a moment ago needs no bytes; of any other it does", async () => {
    const zone = join((await readersOver()).blobRoot, "zone.json");
    await writeFile(zone, "{}");
    const { pool, store, blobs } = await readersOver({ zone });
    const [read, unread] = [await store(mailFrom("acme.example")), await store(mailFrom("other.example"))];
    await pool.authenticate(read, sentBy("acme.example"));
    await Promise.all([read, unread].map(({ ref }) => blobs.remove(TENANT, ref.digest)));
    expect(await pool.headline(read)).toEqual({ subject: "hello", rfc_message_id: null });
    await expect(pool.headline(unread)).rejects.toMatchObject({ code: "not_found" });
  });

  it("a blob that is not what its name says is never read as the message", async () => {
    const { pool, store, blobs, blobRoot } = await readersOver();
    const message = await store(mailFrom("acme.example"));
    // Out of the journal, into a file of its own.
    await blobs.close();
    await writeFile(join(blobRoot, TENANT, message.ref.digest.slice(0, 2), message.ref.digest), "From: evil@evil.example\r\n\r\n");
    await expect(pool.inspect(message)).rejects.toMatchObject({ code: "internal" });
  });

  it("a changed zone file holds from the next look-up on; while it cannot be read, every look-up fails for now", async () => {
    const zone = join((await readersOver()).blobRoot, "zone.json");
    const publish = async (text: string): Promise<void> => {
      await writeFile(`${zone}.tmp`, text);
      await rename(`${zone}.tmp`, zone);
    };
    await publish(JSON.stringify({ "acme.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] } }));
    const { pool, store } = await readersOver({ zone });
    const message = await store(mailFrom("acme.example"));
    const spf = async () => {
      const { verification, temporary } = await pool.authenticate(message, sentBy("acme.example"));
      return { spf: verification.spf, temporary };
    };
    expect(await spf()).toEqual({ spf: "pass", temporary: false });
    await publish(JSON.stringify({ "acme.example": { TXT: ["v=spf1 -all"] } }));
    expect(await spf()).toEqual({ spf: "fail", temporary: false });
    await publish("{");
    expect(await spf()).toEqual({ spf: "temperror", temporary: true });
    await rm(zone);
    expect(await spf()).toEqual({ spf: "temperror", temporary: true });
    await publish("{}");
    expect(await spf()).toEqual({ spf: "none", temporary: false });
  });
});
