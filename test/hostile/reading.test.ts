import { describe, expect, it } from "vitest";
import { createMemoryBlobs } from "../../src/blobs/memory.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import { createMailReader } from "../../src/threads/jobs.ts";
import { put, sentBy } from "../threads/stored.ts";
import { HEAVY } from "./bombs.ts";

const MIB = 1024 * 1024;
const SIZE = 2 * MIB;
const PATTERNS = {
  digest: "one",
  guards: [{ pattern: "/ignore (previous|all) instructions/i", in: ["subject", "text", "html", "hidden"] }],
} as const;

/**
 * Seconds of processor time for everything that is done to a message, per MiB. The largest takes 25 times as much of the
 * thread for large mail, which ends a job after 15 s.
 */
const SECONDS_PER_MIB = 0.5;

describe("X-29 reading costs in proportion to the size, whatever the bytes are", () => {
  it.each(HEAVY.map(({ name, bytes }) => [name, bytes] as const))("%s", async (_name, bytes) => {
    const blobs = createMemoryBlobs(Date.now);
    const reader = createMailReader({ blobs, resolver: createZoneResolver({}), now: Date.now });
    const message = await put(blobs, bytes(SIZE));
    const before = process.cpuUsage();
    expect(await reader.inspect(message)).toBeNull();
    await reader.authenticate(message, sentBy("acme.example"));
    await reader.scan(message, PATTERNS);
    await reader.view(message);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan((SECONDS_PER_MIB * SIZE) / MIB);
  });
});
