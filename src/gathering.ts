import type { MessageId } from "./model/ids.ts";
import type { InboundInput } from "./model/message.ts";

export interface GatheringBounds {
  /** With fewer runs than this under way a message starts one of its own at once; else it is gathered. */
  readonly runs: number;
  /** Milliseconds the first of a gathering waits for others at most. */
  readonly waitMs: number;
  /** Messages of one run. */
  readonly messages: number;
  /** Bytes of one run's input as JSON, unless a single message has more. Temporal refuses 2 MB. */
  readonly bytes: number;
}

/**
 * At rest a message is never held up. What the steps of a run return travels to Temporal in one message of at most 4 MB,
 * and the findings of one mail against 500 patterns take up to 440 kB of it: more than eight could not be recorded.
 */
export const GATHERING: GatheringBounds = Object.freeze({ runs: 1, waitMs: 50, messages: 8, bytes: 64 * 1024 });

/** A message's place in a run. Whoever took it leaves it once. */
export interface Place {
  /** Id of the run that judges the message, null when an earlier one has judged it. Rejects when none could be started. */
  readonly run: Promise<string | null>;
  /** The message is answered, or given up on. */
  leave(): void;
}

/** What one run is to judge. */
export type Inputs = readonly [InboundInput, ...InboundInput[]];
export type StartRun = (inputs: Inputs) => Promise<string | null>;

/**
 * Which messages share a run (DESIGN §3). A run costs the same for one message as for many, so while some are under way,
 * arrivals wait until one of them has answered all of its messages, the gathering is full, or the time is over. A message
 * that is in a run already joins it.
 */
export class Gathering {
  readonly #start: StartRun;
  readonly #bounds: GatheringBounds;
  readonly #seats = new Map<MessageId, Seat>();
  #underWay = 0;
  #next: Group | null = null;

  constructor(start: StartRun, bounds: GatheringBounds) {
    this.#start = start;
    this.#bounds = bounds;
  }

  join(input: InboundInput): Place {
    const seat = this.#seats.get(input.message) ?? this.#take(input);
    seat.users += 1;
    return { run: seat.group.run.promise, leave: () => this.#leave(seat) };
  }

  #take(input: InboundInput): Seat {
    const bytes = Buffer.byteLength(JSON.stringify(input));
    if (this.#next !== null && this.#next.bytes + bytes > this.#bounds.bytes) this.#depart(this.#next);
    const group = (this.#next ??= this.#open());
    const seat: Seat = { input, group, users: 0 };
    group.seats.add(seat);
    group.bytes += bytes;
    this.#seats.set(input.message, seat);
    if (this.#underWay < this.#bounds.runs || group.seats.size >= this.#bounds.messages) this.#depart(group);
    return seat;
  }

  #open(): Group {
    const run = Promise.withResolvers<string | null>();
    // Whoever is told before the start is not there to hear that it failed.
    run.promise.catch(() => undefined);
    const group: Group = { seats: new Set(), bytes: 0, run, timer: setTimeout(() => this.#depart(group), this.#bounds.waitMs) };
    return group;
  }

  #depart(group: Group): void {
    clearTimeout(group.timer);
    this.#next = null;
    const [first, ...others] = Array.from(group.seats, ({ input }) => input);
    if (first === undefined) return;
    this.#underWay += 1;
    this.#start([first, ...others]).then(group.run.resolve, group.run.reject);
  }

  #leave(seat: Seat): void {
    // Who comes now asks anew: what this run said may be a deferral.
    if (this.#seats.get(seat.input.message) === seat) this.#seats.delete(seat.input.message);
    seat.users -= 1;
    if (seat.users > 0) return;
    seat.group.seats.delete(seat);
    if (seat.group === this.#next || seat.group.seats.size > 0) return;
    this.#underWay -= 1;
    if (this.#next !== null) this.#depart(this.#next);
  }
}

interface Seat {
  readonly input: InboundInput;
  readonly group: Group;
  users: number;
}

interface Group {
  readonly seats: Set<Seat>;
  readonly run: PromiseWithResolvers<string | null>;
  readonly timer: NodeJS.Timeout;
  bytes: number;
}
