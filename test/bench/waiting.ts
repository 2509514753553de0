import { setTimeout } from "node:timers/promises";
import { letter, openDoor, openSendingMailbox, type Door, type SendingMailbox } from "./agents.ts";
import { arriving, percentile, median, timed } from "./figures.ts";
import type { InstanceSetup } from "./instance.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import { withRig, type Rig } from "./rig.ts";
import type { Weight } from "./waiting-process.ts";

const AT_ONCE = 30;
/** Enough that every cache is full and every piece of code compiled. */
const SETTLED = 500;
const WAITING = 2_000;
/** People who decide, on average: far more than anybody has. */
const PER_SECOND = 10;
const MIB = 1024 ** 2;

export const waiting: Measurement = {
  name: "waiting",
  about:
    "2,000 drafts that wait for people, each in a real workflow on a real server, submitted through HTTP 30 at once: what the process weighs with 500 and with 2,000 of them, after a collection in all threads. " +
    "Then POST /v1/mailboxes/{id}/decide/{id} (approve), oldest first: their workflows are out of memory by then and read again. By one after the other; by people who come by chance, 10 a second, " +
    "while what others approved leaves beside them, into the sandbox; by 30 in the same moment, when the workflows of what was approved before have closed; and by 30 at once without a pause, as soon as that has left.",
  run: (terms) =>
    withRig(
      new URL("./waiting-process.ts", import.meta.url),
      (place): InstanceSetup => ({ ...place, zone: {} }),
      (rig) => measure(terms, rig),
    ),
};

async function measure({ quick, say }: Terms, { child, open }: Rig): Promise<readonly Figure[]> {
  const door = openDoor(await child.ask<string>("http"));
  const mailbox = await openSendingMailbox(door, "assistant", "gated_send");
  const { key } = await door.call<{ key: string }>("POST", "/v1/keys", { name: "boss", scopes: ["oversight"] });
  const drafts: string[] = [];
  const submit = async (count: number): Promise<Weight> => {
    say(`waiting: ${drafts.length + count} drafts`);
    await timed(Array.from({ length: count }), AT_ONCE, async () => drafts.push(await ask(door, mailbox)));
    return child.ask<Weight>("weigh");
  };
  const [least, most] = quick ? [SETTLED / 2, SETTLED] : [SETTLED, WAITING];
  const before = await submit(least);
  const after = await submit(most - least);
  say("waiting: decisions");
  const approve = (id: string): Promise<unknown> =>
    door.call("POST", `/v1/mailboxes/${mailbox.id}/decide/${id}`, { action: "approve" }, key);
  const decide = async (count: number, atOnce: number): Promise<readonly number[]> => {
    const ids = drafts.splice(0, count);
    const { each } = await timed(ids, atOnce, approve);
    await untilSent(door, mailbox, ids);
    return each;
  };
  await decide(AT_ONCE, AT_ONCE);
  const bursts = quick ? 2 : 8;
  const together: number[] = [];
  for (let burst = 0; burst < bursts; burst += 1) {
    await untilClosed(open, drafts.length);
    together.push(...(await decide(AT_ONCE, AT_ONCE)));
  }
  const incessant: number[] = [];
  for (let burst = 0; burst < bursts; burst += 1) incessant.push(...(await decide(AT_ONCE, AT_ONCE)));
  await untilClosed(open, drafts.length);
  const alone: number[] = [];
  for (let nth = 0; nth < (quick ? 20 : 60); nth += 1) alone.push(...(await decide(1, 1)));
  const arrived = drafts.splice(0, PER_SECOND * (quick ? 10 : 30));
  const steady = await arriving(arrived, PER_SECOND, approve);
  await untilSent(door, mailbox, arrived);
  door.close();
  return [...weightFigures(before, after, least, most), ...answerFigures({ together, incessant, steady, alone })];
}

async function ask(door: Door, { id, key }: SendingMailbox): Promise<string> {
  const draft = await door.call<{ id: string; status: string }>("POST", `/v1/mailboxes/${id}/send`, letter("Offer"), key);
  if (draft.status !== "pending_send_approval") throw new Error(`a draft of the bench is \`${draft.status}\``);
  return draft.id;
}

/** Until no workflow is left but those that wait: to close what has left is work as well, half as much as a decision. */
async function untilClosed(open: Rig["open"], waiting: number): Promise<void> {
  while ((await open()) > waiting) await setTimeout(50);
}

async function untilSent(door: Door, { key }: SendingMailbox, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    for (let sent = false; !sent;) {
      const { status } = await door.call<{ status: string }>("GET", `/v1/drafts/${id}`, undefined, key);
      sent = status === "sent";
      if (!sent) await setTimeout(20);
    }
  }
}

function weightFigures(before: Weight, after: Weight, least: number, most: number): readonly Figure[] {
  return [
    { what: `heap, ${most} waiting less ${least}`, value: (after.heap - before.heap) / MIB, unit: "MiB", target: { most: 8 } },
    { what: `resident, ${most} waiting less ${least}`, value: (after.rss - before.rss) / MIB, unit: "MiB", target: { most: 64 } },
    { what: `heap with ${least} waiting`, value: before.heap / MIB, unit: "MiB" },
    { what: `heap with ${most} waiting`, value: after.heap / MIB, unit: "MiB" },
    { what: `resident with ${least} waiting`, value: before.rss / MIB, unit: "MiB" },
    { what: `resident with ${most} waiting`, value: after.rss / MIB, unit: "MiB" },
    { what: `workflows in memory with ${most} waiting`, value: after.cached, unit: "workflows", target: { most: 400 } },
  ];
}

interface Answers {
  readonly together: readonly number[];
  readonly incessant: readonly number[];
  readonly steady: readonly number[];
  readonly alone: readonly number[];
}

function answerFigures({ together, incessant, steady, alone }: Answers): readonly Figure[] {
  const target = { most: 300 };
  return [
    { what: "decision p95, 30 at once", value: percentile(together, 0.95), unit: "ms", target },
    { what: "decision p50, 30 at once", value: median(together), unit: "ms" },
    { what: "decision p95, 30 at once without a pause", value: percentile(incessant, 0.95), unit: "ms", target },
    { what: "decision p50, 30 at once without a pause", value: median(incessant), unit: "ms" },
    { what: `decision p95, ${PER_SECOND} a second`, value: percentile(steady, 0.95), unit: "ms", target },
    { what: `decision p50, ${PER_SECOND} a second`, value: median(steady), unit: "ms" },
    { what: "decision p95 alone", value: percentile(alone, 0.95), unit: "ms", target },
    { what: "decision p50 alone", value: median(alone), unit: "ms" },
  ];
}
