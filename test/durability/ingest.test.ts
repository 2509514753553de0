import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ADMIN_KEY } from "../support/instance.ts";
import { Site } from "./site.ts";
import { OTHERS_SERVER, skippedFor } from "../support/skipped.ts";

const executable = inject("temporalExecutable");
const TO = "assistant@agents.example";
const ITEMS = Array.from({ length: 60 }, (_, index) => ({
  to: TO,
  from: `ann${index}@forum.example`,
  subject: `Number ${index}`,
  text: "How are you?",
}));

interface Result {
  readonly index: number;
  readonly id: string;
  readonly decision_id?: string | null;
}

describe.skipIf(executable === null)(`a batch cut short${skippedFor(executable === null ? OTHERS_SERVER : null)}`, () => {
  let site: Site;
  let mailbox: string;
  beforeAll(async () => {
    site = await Site.start({ executable: executable!, signers: [] });
    const http = site.as(ADMIN_KEY);
    const made = { address_local_part: "assistant", domain: "agents.example", agent_id: "assistant" };
    mailbox = (await http.send<{ id: string }>("POST", "/v1/mailboxes", made)).id;
    await http.send("PUT", `/v1/mailboxes/${mailbox}/policy`, {
      defaultAction: "bounce",
      senders: [{ match: { domain: "forum.example", allowUnverified: true }, capabilities: [] }],
      contentGuards: [],
      auditLog: { retentionDays: 90, includeBodyHash: true },
    });
    await http.send("POST", "/v1/keys", { name: "bridge", scopes: ["ingest"] }).then((made) => (key = (made as { key: string }).key));
  }, 120_000);
  afterAll(() => site?.close());
  let key: string;

  const ingest = () => site.as(key).send<{ items: Result[] }>("POST", "/v1/ingest", { items: ITEMS });

  async function delivered(): Promise<string[]> {
    const http = site.as(ADMIN_KEY);
    const { items } = await http.get<{ items: { id: string; outcome: string }[] }>(`/v1/mailboxes/${mailbox}/messages?limit=100`);
    return items.filter(({ outcome }) => outcome === "delivered").map(({ id }) => id);
  }

  it("MH-19 by SIGKILL can be sent again: every item is there once, under one id and one decision", { timeout: 180_000 }, async () => {
    const cut = ingest().then(
      () => "answered",
      () => "cut",
    );
    while ((await delivered()).length < 5) await delay(20);
    await site.crashService();
    expect(await cut).toBe("cut");
    const kept = await delivered();
    expect(kept.length).toBeLessThan(ITEMS.length);

    let { items } = await ingest();
    // What was under way at the kill is decided by the run that goes on, in its own time.
    while (items.some(({ decision_id }) => typeof decision_id !== "string")) ({ items } = await ingest());
    expect(items.map(({ index }) => index)).toEqual(ITEMS.map((_, index) => index));
    const ids = items.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ITEMS.length);
    expect(new Set(await delivered())).toEqual(new Set(ids));
    expect(await delivered()).toHaveLength(ITEMS.length);
    expect(ids).toEqual(expect.arrayContaining(kept));
    const { items: decisions } = await site.as(ADMIN_KEY).get<{ items: { id: string }[] }>(`/v1/mailboxes/${mailbox}/decisions?limit=100`);
    expect(decisions).toHaveLength(ITEMS.length);
    expect(new Set(decisions.map(({ id }) => id))).toEqual(new Set(items.map(({ decision_id }) => decision_id)));
    expect((await ingest()).items).toEqual(items);
  });
});
