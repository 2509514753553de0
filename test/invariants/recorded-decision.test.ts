import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FinalOutcome } from "../../src/model/decision.ts";
import { startRig, type Rig } from "../http/rig.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Every place that asks for messages or their bytes, outside the store. Who adds one says here why no agent comes by it
 * to what was not delivered.
 */
const WAYS = {
  // The caller's own view: `agent` for an agent's key.
  "src/http/messages.ts messages.get": "caller.view",
  "src/http/messages.ts messages.list": "caller.view",
  // Bytes and texts of a row that one of the two above has let through.
  "src/http/messages.ts blobs.get": null,
  "src/delivery/message.ts reader.view": null,
  // Delivered only, whoever asks.
  "src/http/messages.ts messages.settle": null,
  "src/http/next-message.ts messages.delivered_after": null,
  "src/http/grants.ts messages.get": '"agent"',
  // For people: behind the scopes `oversight` and `admin`.
  "src/http/explain.ts messages.get": '"all"',
  "src/http/pending-view.ts messages.get": '"all"',
  "src/http/pending-revisions.ts blobs.get": null,
  "src/http/sink.ts blobs.get": null,
  // The caller's own view again: whose hold is decided.
  "src/http/pending-target.ts messages.get": "caller.view",
  // Nobody is shown anything.
  "activities/dropped.ts messages.get": '"all"',
  "src/intake/raw.ts messages.references": null,
  "activities/upkeep.ts messages.references": null,
  "activities/budget.ts reader.headline": null,
  // What is answered: its references and its capabilities go into mail that leaves by decisions of its own.
  "src/screening/freeze.ts messages.get": '"all"',
  "activities/signers.ts messages.get": '"all"',
  // The agent's own mail on its way out, and the overseer's copy of it.
  "activities/send.ts blobs.get": null,
  "activities/copy.ts blobs.get": null,
  "src/threads/composer/jobs.ts blobs.get": null,
  // The reader itself.
  "src/threads/jobs.ts blobs.get": null,
};

const PLACE = /run\(\s*"(messages\.[a-z_]+)"(?:[^;]*?\bview: ("[a-z]+"|[a-z.]+))?|\b(blobs\.get|reader\.(?:view|headline))\(/g;

async function waysIn(folder: string): Promise<[string, string | null][]> {
  const files = (await readdir(ROOT + folder, { recursive: true })).filter((file) => file.endsWith(".ts") && !file.startsWith("store/"));
  const found = files.toSorted().map(async (file): Promise<[string, string | null][]> => {
    const text = await readFile(`${ROOT}${folder}/${file}`, "utf8");
    return [...text.matchAll(PLACE)].map(([, operation, view, other]) => [`${folder}/${file} ${operation ?? other}`, view ?? null]);
  });
  return (await Promise.all(found)).flat();
}

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig?.stop());

describe("DESIGN §9.1 no path reaches an agent except through a recorded decision", () => {
  it("messages and their bytes are asked for in the known places only, each with its view", async () => {
    const ways = [...(await waysIn("src")), ...(await waysIn("activities"))];
    expect(Object.fromEntries(ways)).toEqual(WAYS);
    expect(ways).toHaveLength(Object.keys(WAYS).length);
  });

  it("MB-01 whatever was decided about whatever mail, an agent gets exactly what has a recorded decision to deliver it", async () => {
    await fc.assert(fc.asyncProperty(fc.array(mails, { maxLength: 6 }), shownIsDelivered), { numRuns: 15 });
  });
});

interface Mail {
  readonly outcome: FinalOutcome;
  /** What a person then tries. */
  readonly action: "release" | "discard" | "nothing";
}

const mails: fc.Arbitrary<Mail> = fc.record({
  outcome: fc.constantFrom<FinalOutcome>("delivered", "held", "quarantined", "discarded", "rejected_at_policy", "rate_limited"),
  action: fc.constantFrom("release", "discard", "nothing"),
});

async function shownIsDelivered(given: readonly Mail[]): Promise<void> {
  const { id: mailbox } = await rig.mailbox();
  const agent = await rig.key(["read"], [mailbox]);
  const ids = new Map<string, Mail>();
  for (const mail of given) {
    const id = await rig.message({ mailbox, outcome: mail.outcome });
    if (mail.action !== "nothing") await rig.call("POST", `/v1/messages/${id}/${mail.action}`, { body: {} });
    ids.set(id, mail);
  }
  const shown = [...ids].filter(([, mail]) => isDelivered(mail)).map(([id]) => id);
  expect(await listed(mailbox, agent)).toEqual(shown.toSorted());
  expect((await waited(mailbox, agent)).toSorted()).toEqual(shown.toSorted());
  expect(await decidedToDeliver(mailbox)).toEqual(shown.toSorted());
  for (const id of ids.keys()) await expectSame(id, agent, shown.includes(id));
}

function isDelivered({ outcome, action }: Mail): boolean {
  return outcome === "delivered" || ((outcome === "held" || outcome === "quarantined") && action === "release");
}

async function listed(mailbox: string, key: string): Promise<string[]> {
  const { body } = await rig.call("GET", `/v1/mailboxes/${mailbox}/messages`, { key });
  return (body.items as { id: string }[]).map(({ id }) => id).toSorted();
}

async function waited(mailbox: string, key: string): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ""; ;) {
    const { body } = await rig.call("GET", `/v1/mailboxes/${mailbox}/wait?timeout_s=0${after}`, { key });
    if (body.type === "timeout") return ids;
    ids.push(body.message.id as string);
    after = `&after=${body.cursor as string}`;
  }
}

async function decidedToDeliver(mailbox: string): Promise<string[]> {
  const { body } = await rig.call("GET", `/v1/mailboxes/${mailbox}/decisions?outcome=delivered`);
  return (body.items as { message_id: string; final: boolean }[])
    .filter(({ final }) => final)
    .map((each) => each.message_id)
    .toSorted();
}

/** Every route below the one message: there for an agent, or not there at all. */
async function expectSame(id: string, key: string, there: boolean): Promise<void> {
  expect((await rig.call("GET", `/v1/messages/${id}`, { key })).status).toBe(there ? 200 : 404);
  expect((await rig.call("GET", `/v1/messages/${id}/raw`, { key })).status).toBe(there ? 403 : 404);
  expect((await rig.call("POST", `/v1/messages/${id}/usage`, { key, body: { tokens_consumed: 1 } })).status).toBe(there ? 200 : 404);
}
