import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { HoldActivities } from "../activities/index.ts";
import type { DispatchRef } from "../src/model/channel.ts";
import {
  HOLD_ACTIONS,
  type HoldAction,
  type HoldAnswer,
  type HoldMessage,
  type HoldRef,
  type HoldStatus,
  type HoldTimerEvent,
  type HoldTimes,
} from "../src/model/hold.ts";
import { HOLD_MESSAGE } from "../src/model/names.ts";

// Local: somebody waits for the answer, and asks again with the same token if there is none. The attempts are bounded
// by number, because the SDK forgets a bound in time that runs out between two of them.
const quick = proxyLocalActivities<HoldActivities>({
  startToCloseTimeout: "20 seconds",
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "2 seconds", maximumAttempts: 15 },
});

// Nobody asks again for a signal or a timer: tried until the record answers.
const patient = proxyActivities<HoldActivities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "200 milliseconds", backoffCoefficient: 2, maximumInterval: "1 minute" },
});

/** Signals of one run that may count for nothing before no more are heard: fewer of those that nobody even seems to have signed. */
const MOST_REFUSED = { unsigned: 100, signed: 300 } as const;

/** Milliseconds until the record is asked once more whether a hold is over. */
const LOOK_AGAIN_MS = 60_000;

/** Longest token a door makes, in characters; longer ones are no tokens. */
const TOKEN_LENGTH = 4096;

/**
 * What people say to one hold, by update from a door or by signal from the Temporal CLI. The record judges (DESIGN §4.4):
 * every attempt goes to the activity, which answers whether it counts, and only what it answers moves this workflow.
 */
export class People {
  /** Where the record said the hold is, as of the last answer. */
  status: HoldStatus = "waiting";
  /** Accepted attempts so far. */
  moves = 0;
  /** What letting mail through began. */
  dispatches: readonly DispatchRef[] = [];
  readonly #hold: HoldRef;
  #signals = 0;
  #refused = 0;
  #dropped = 0;

  /** Registers the handlers: to be made before the workflow first awaits. */
  constructor(hold: HoldRef) {
    this.#hold = hold;
    for (const action of HOLD_ACTIONS) this.#listen(action);
  }

  #listen(action: HoldAction): void {
    const name = HOLD_MESSAGE[action];
    setHandler(defineUpdate<HoldAnswer, [HoldMessage]>(name), (message) => this.#attempt(action, message, "update"), {
      validator: checkShape,
    });
    setHandler(defineSignal<[HoldMessage]>(name), (message) => this.#hear(action, isHoldMessage(message) ? message : { token: null }));
  }

  /**
   * Whoever may write to the namespace can send signals without end; each is an activity, an attempt and an entry in the log.
   * So a run hears so many that count for nothing, and counts the rest. Doors ask by update and are heard all the same.
   */
  async #hear(action: HoldAction, message: HoldMessage): Promise<void> {
    if (this.#refused >= (message.token ? MOST_REFUSED.signed : MOST_REFUSED.unsigned)) {
      this.#dropped += 1;
      return;
    }
    // Counted before it is answered, or a flood would all be heard at once.
    this.#refused += 1;
    const { result } = await this.#attempt(action, message, "signal");
    if (result === "accepted") this.#refused -= 1;
  }

  /** True: there is nothing to {@link close}. */
  get isQuiet(): boolean {
    return allHandlersFinished() && this.#dropped === 0;
  }

  /** The end of the run: everybody heard has been answered, and the log says how many were not heard. */
  async close(): Promise<void> {
    await condition(allHandlersFinished);
    if (this.#dropped === 0) return;
    await patient.posternDropped(this.#hold, this.#dropped);
    await condition(allHandlersFinished);
  }

  async #attempt(action: HoldAction, message: HoldMessage, via: "update" | "signal"): Promise<HoldAnswer> {
    // Names an attempt that no token names, the same at every replay.
    this.#signals += 1;
    const nonce = `${workflowInfo().runId}:${this.#signals}`;
    const { posternDecide } = via === "update" ? quick : patient;
    const answer = await posternDecide(this.#hold, action, message, { via, nonce });
    if (answer.result === "accepted") {
      // Answers of the same moment may come in any order: that it waited before says nothing once it waits no more.
      if (answer.status !== "waiting") this.status = answer.status;
      this.moves += 1;
      if (answer.dispatches !== undefined) this.dispatches = answer.dispatches;
    }
    return answer;
  }

  /** Before a step that may make or reopen the hold: what is accepted from now on is about the hold that it leaves. */
  begin(): void {
    this.status = "waiting";
  }

  /**
   * Resolves when the hold waits no more; reminds, escalates and ends it at its times. Expiry never approves. `waiting`: it
   * still does, but so much was said that another run has to go on.
   */
  async decided(times: HoldTimes): Promise<HoldStatus> {
    for (const [event, at] of timersOf(times)) if (this.status === "waiting") await this.#until(at, event);
    // The record's clock may be behind ours: it ends a hold when its own time has come.
    while (this.status === "waiting" && !isLong()) await this.#until(Date.now() + LOOK_AGAIN_MS, "expire");
    // Whoever is being answered may have decided it.
    if (this.status === "waiting") await condition(allHandlersFinished);
    return this.status;
  }

  async #until(at: number, event: HoldTimerEvent): Promise<void> {
    if (await condition(() => this.status !== "waiting" || isLong(), Math.max(1, at - Date.now()))) return;
    const { status } = await patient.posternHoldTimer(this.#hold, event);
    // An attempt that was accepted meanwhile has said it already, and may have said more.
    if (this.status === "waiting") this.status = status;
  }
}

/** The server bounds what a history holds, and with it how often people can be heard: whoever floods one must not end it. */
export function isLong(): boolean {
  return workflowInfo().continueAsNewSuggested;
}

type Timer = readonly [HoldTimerEvent, number];

function timersOf({ remind_at, escalate_at, expires_at }: HoldTimes): readonly Timer[] {
  const early: readonly (readonly [HoldTimerEvent, number | null])[] = [
    ["remind", remind_at],
    ["escalate", escalate_at],
  ];
  const set = early.filter((timer): timer is Timer => timer[1] !== null && timer[1] < expires_at);
  return [...set.toSorted(([, first], [, second]) => first - second), ["expire", expires_at]];
}

/** Shape only: whether an attempt counts is decided, and recorded, by the activity. */
function checkShape(message: unknown): void {
  if (!isHoldMessage(message)) throw new TypeError("a hold takes one argument like {token}");
}

function isHoldMessage(message: unknown): message is HoldMessage {
  if (typeof message !== "object" || message === null) return false;
  const { token, content_hash } = message as Partial<HoldMessage>;
  const isToken = token === null || token === undefined || (typeof token === "string" && token.length <= TOKEN_LENGTH);
  return isToken && (content_hash === undefined || (typeof content_hash === "string" && content_hash.length <= 128));
}
