import { expect, it } from "vitest";
import type { ActivityDeps } from "../../activities/deps.ts";
import { verify } from "../../activities/verify.ts";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import type { InboundInput } from "../../src/model/message.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { newId, NOON } from "../store/samples.ts";
import { openWorld } from "../store/world.ts";

/** Nobody's name servers answer. */
const SILENT = { "boss.example": { TXT: "TEMPFAIL" }, "stranger.example": { TXT: "TEMPFAIL" } };

it("X-32 silent DNS defers only mail that a rule could let in", async () => {
  const { store, tenant, mailbox } = await openWorld();
  const blobs = createMemoryBlobs(Date.now);
  const reader = createMailReader({ blobs, resolver: createZoneResolver(SILENT), now: Date.now });
  const deps = { store, reader, clock: () => NOON, loopCaps: { perThread: 10, perPair: 30 } } as unknown as ActivityDeps;
  const document = JSON.stringify({ senders: [{ match: { domain: "boss.example" }, capabilities: [] }], defaultAction: "bounce" });
  await store.run("policies.put", { id: newId("pol"), tenant, mailbox, digest: newId("pol"), document, at: NOON, actor: "postern" });

  const verifyFrom = async (sender: string) => {
    const writer = await blobs.create(tenant);
    await writer.write(Buffer.from(`From: ${sender}\r\n\r\nhello\r\n`));
    const ref = await writer.commit();
    const envelope = { ip: "192.0.2.1", helo: "mx.example", sender, recipient: "assistant@acme.example" };
    return verify(deps, { tenant, mailbox, message: newId("msg"), ref, envelope, received_at: NOON } satisfies InboundInput);
  };
  expect(await verifyFrom("boss@boss.example")).toEqual({ kind: "deferred", reason: "dns_unavailable" });
  expect(await verifyFrom("sam@stranger.example")).toMatchObject({
    kind: "facts",
    facts: { identity: { address: "sam@stranger.example", verified: false }, verification: { spf: "temperror" } },
  });
});
