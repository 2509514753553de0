import { SmtpPeer } from "../support/smtp-peer.ts";
import { letter, openDoor, openSendingMailbox, type Door, type SendingMailbox } from "./agents.ts";
import type { EmptyRuns } from "./empty/runs.ts";
import { median, timed } from "./figures.ts";
import type { InstanceSetup } from "./instance.ts";
import type { Figure, Measurement, Terms } from "./measurement.ts";
import { withRig, type Rig, type RigPlace } from "./rig.ts";
import { inTurns, joined, measureRound, medianOf, ratio, type Round, type Rounds } from "./rounds.ts";

const AGENTS = 30;
/** Of each, before anything is measured: until then threads of V8 compile what is new. A service runs for days. */
const WARM_UP = 1_200;

export const sending: Measurement = {
  name: "sending",
  about:
    "A draft of 2 KB of Markdown in an autonomous mailbox, from POST /v1/mailboxes/{id}/send until a local SMTP receiver has its final dot, by 30 agents each of which waits for that before its next; " +
    "against an empty workflow of the steps of DESIGN §4 (eager start; compose and screen as no-op local activities, send as a no-op regular one) on the same server in the same process, by a worker of the same kind, in turns. " +
    "Postern takes the first two at once, and the third within the same task where nobody need be asked; so beside it stands an empty workflow whose three steps are all local. A round is over when its last workflow has closed: what the last step leaves to the server is work as well, and the next round would pay for it. Medians over the rounds. " +
    "Processor time is that of all threads; agents and receiver are a process of their own and not counted, but share the cores.",
  async run(terms) {
    const relay = await Relay.open();
    try {
      const setup = (place: RigPlace): InstanceSetup => ({ ...place, zone: {}, env: { POSTERN_RELAY: relay.url } });
      return await withRig(new URL("./sending-process.ts", import.meta.url), setup, (rig) => measure(terms, rig, relay));
    } finally {
      await relay.close();
    }
  },
};

async function measure({ quick, say }: Terms, rig: Rig, relay: Relay): Promise<readonly Figure[]> {
  const { child } = rig;
  const door = openDoor(await child.ask<string>("http"));
  const mailbox = await openSendingMailbox(door, "assistant", "autonomous");
  const answers: number[] = [];
  let serial = 0;
  const postern = (count: number, atOnce: number): Promise<Round> =>
    measureRound(rig, count, async () => {
      const subjects = Array.from({ length: count }, () => `Letter ${++serial}`);
      const { each } = await timed(subjects, atOnce, async (subject) => answers.push(await send(door, mailbox, relay, subject)));
      return each;
    });
  const empty = (count: number, atOnce: number, workflow: EmptyRuns["workflow"]): Promise<Round> =>
    measureRound(rig, count, async () => {
      const runs = { count, atOnce, workflow, told: "step" } as const;
      return (await child.ask<{ each: number[] }>("empty", runs)).each;
    });
  const alternate = async (
    rounds: number,
    count: number,
    atOnce: number,
    shape: EmptyRuns["workflow"] = "emptySending",
  ): Promise<Rounds> => {
    const seen: Rounds[] = [];
    for (let nth = 1; nth <= rounds; nth += 1) {
      say(`sending: round ${nth} of ${rounds}, ${atOnce} at once`);
      seen.push(
        await inTurns(
          nth,
          () => postern(count, atOnce),
          () => empty(count, atOnce, shape),
        ),
      );
    }
    return joined(seen);
  };
  await alternate(1, quick ? 150 : WARM_UP, AGENTS);
  answers.length = 0;
  const busy = await alternate(quick ? 5 : 7, quick ? 60 : 180, AGENTS);
  const atThirty = median(answers.splice(0));
  const local = await alternate(quick ? 2 : 5, quick ? 60 : 180, AGENTS, "empty");
  answers.length = 0;
  const alone = await alternate(quick ? 1 : 3, 20, 1);
  door.close();
  return [
    ...figuresOf(busy, alone),
    { what: "submit to relay / empty workflow of three local steps, messages a second", value: ratio(local, "rate"), unit: "×" },
    { what: "empty workflow of three local steps", value: medianOf(local.empty, "rate"), unit: "workflows/s" },
    { what: "submit to relay / empty workflow of three local steps, until the last is heard of", value: ratio(local, "heard"), unit: "×" },
    {
      what: "processor time of the instance, an empty workflow of three local steps",
      value: medianOf(local.empty, "instance"),
      unit: "ms",
    },
    {
      what: "processor time of the Temporal server, an empty workflow of three local steps",
      value: medianOf(local.empty, "temporal"),
      unit: "ms",
    },
    { what: "answer p50 at 30", value: atThirty, unit: "ms" },
    { what: "answer p50 alone", value: median(answers.splice(0)), unit: "ms" },
  ];
}

/** Milliseconds until the door answered; resolves when the receiver has it. */
async function send(door: Door, { id, key }: SendingMailbox, relay: Relay, subject: string): Promise<number> {
  const taken = relay.taken(subject);
  const started = performance.now();
  await door.call("POST", `/v1/mailboxes/${id}/send`, letter(subject), key);
  const answered = performance.now() - started;
  await taken;
  return answered;
}

function figuresOf(busy: Rounds, alone: Rounds): readonly Figure[] {
  const { empty, postern } = busy;
  return [
    { what: "submit to relay / empty workflow, messages a second", value: ratio(busy, "rate"), unit: "×", target: { least: 0.8 } },
    { what: "submit to relay", value: medianOf(postern, "rate"), unit: "messages/s" },
    { what: "empty workflow", value: medianOf(empty, "rate"), unit: "workflows/s" },
    {
      what: "submit to relay / empty workflow, until the last is heard of",
      value: ratio(busy, "heard"),
      unit: "×",
      target: { least: 0.8 },
    },
    { what: "submit to relay, until the last is heard of", value: medianOf(postern, "heard"), unit: "messages/s" },
    { what: "empty workflow, until the last is heard of", value: medianOf(empty, "heard"), unit: "workflows/s" },
    { what: "submit to relay p50 at 30", value: medianOf(postern, "p50"), unit: "ms" },
    { what: "empty workflow p50 at 30", value: medianOf(empty, "p50"), unit: "ms" },
    { what: "submit to relay p50 alone", value: medianOf(alone.postern, "p50"), unit: "ms" },
    { what: "empty workflow p50 alone", value: medianOf(alone.empty, "p50"), unit: "ms" },
    { what: "processor time of the instance, a message", value: medianOf(postern, "instance"), unit: "ms" },
    { what: "processor time of the instance, an empty workflow", value: medianOf(empty, "instance"), unit: "ms" },
    { what: "processor time of the Temporal server, a message", value: medianOf(postern, "temporal"), unit: "ms" },
    { what: "processor time of the Temporal server, an empty workflow", value: medianOf(empty, "temporal"), unit: "ms" },
    { what: "processor time of agents and receiver, a message", value: medianOf(postern, "callers"), unit: "ms" },
  ];
}

/** The SMTP receiver, which tells of each mail by its subject. */
class Relay {
  readonly #peer: SmtpPeer;
  readonly #waiting = new Map<string, () => void>();

  private constructor(peer: SmtpPeer) {
    this.#peer = peer;
    peer.script = (step) => {
      if (step === "dot") this.#tell();
      return undefined;
    };
  }

  static async open(): Promise<Relay> {
    return new Relay(await SmtpPeer.start());
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#peer.port}`;
  }

  taken(subject: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(subject, resolve));
  }

  close(): Promise<void> {
    return this.#peer.close();
  }

  #tell(): void {
    for (const { content } of this.#peer.taken.splice(0)) {
      const subject = /^Subject: (.*)\r$/m.exec(content)?.[1] ?? "";
      const told = this.#waiting.get(subject);
      this.#waiting.delete(subject);
      // A second time is a mail too many, and none of ours is another.
      if (told === undefined) throw new Error(`the receiver was given \`${subject}\`, which nobody waits for`);
      told();
    }
  }
}
