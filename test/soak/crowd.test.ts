import { afterAll, beforeAll, expect, it } from "vitest";
import { Book } from "../outbound/book.ts";
import { codeOf, LETTER, type Draft, type Mailbox, OutboundWorld, type Person } from "../outbound/world.ts";

const DRAFTS = 200;

let world: OutboundWorld;
let mailbox: Mailbox;
let people: readonly Person[];
beforeAll(async () => {
  world = await OutboundWorld.open();
  mailbox = await world.mailbox("gated_send", { perHour: 1_000, perDay: 1_000, approvals: { quorum: 2 } });
  people = [await world.person(["oversight"]), await world.person(["oversight"])];
});
afterAll(() => world?.close());

it(
  `X-05 X-06 ${DRAFTS} drafts submitted at once and approved by two people at once all leave, none of them twice`,
  { timeout: 180_000 },
  async () => {
    const from = performance.now();
    const drafts = await Promise.all(Array.from({ length: DRAFTS }, (_, index) => submit(index)));
    const submitted = performance.now();
    const answers = (await Promise.all(people.map((person) => approveAll(person, drafts)))).flat();
    const approved = performance.now();
    expect(new Set(drafts.map(({ status }) => status))).toEqual(new Set(["pending_send_approval"]));
    expect(
      answers.filter((code) => code !== "accepted"),
      "each of the two counts",
    ).toEqual([]);
    const ends = await Promise.all(drafts.map((draft) => world.ended(draft)));
    const all = performance.now();
    console.log(
      `${DRAFTS} drafts: submitted in ${Math.round(submitted - from)} ms (${again} told to come again), ` +
        `${2 * DRAFTS} approvals in ${Math.round(approved - submitted)} ms, the last sent ${Math.round(all - approved)} ms later`,
    );
    expect(new Set(ends.map(({ state }) => state))).toEqual(new Set(["sent"]));
    const given = world.peer.taken.flatMap(({ recipients }) => recipients).toSorted();
    expect(given).toEqual(drafts.map((_, index) => recipientOf(index)).toSorted());
    const book = new Book(world.postern.dataDir);
    for (const { id } of drafts) {
      expect(book.claims(id)).toHaveLength(1);
      expect(book.attempts(id, world.postern.running.tenant.id).map(({ result }) => result)).toEqual(["accepted", "accepted"]);
    }
  },
);

let again = 0;

/** As an agent does that is told to come again in a moment: the same, with the same key. */
async function submit(index: number): Promise<Draft> {
  for (;;) {
    const letter = { ...LETTER, to: [recipientOf(index)] };
    const headers = { "idempotency-key": `crowd-${index}` };
    const response = await world.request("POST", `/v1/mailboxes/${mailbox.id}/send`, letter, mailbox.agent.key, headers);
    const answer = (await response.json()) as Draft & { code?: string };
    if (response.ok) return answer;
    expect(["unavailable", "in_flight"]).toContain(answer.code);
    again += 1;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function recipientOf(index: number): string {
  return `boss-${index}@elsewhere.example`;
}

/** As fast as they can, eight at a time. */
async function approveAll(person: Person, drafts: readonly Draft[]): Promise<readonly string[]> {
  const [queue, answers] = [[...drafts], [] as string[]];
  const work = async (): Promise<void> => {
    for (let draft = queue.pop(); draft !== undefined; draft = queue.pop())
      answers.push(await codeOf(person.send("POST", "/v1/oversight/decide", { email_id: draft.id, action: "approve" })));
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return answers;
}
