import { ApplicationFailure, ApplicationFailureCategory } from "@temporalio/common";
import {
  condition,
  continueAsNew,
  defineSignal,
  ParentClosePolicy,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  startChild,
} from "@temporalio/workflow";
import type { OutboundActivities, SendActivities } from "../activities/index.ts";
import { outboundWorkflowId } from "../src/model/ids.ts";
import { LIMITED_FAILURE, WAKE_SIGNAL } from "../src/model/names.ts";
import type { DraftState, OutboundInput, OutboundResult, OutboundStage, ScreenStep, SendStep, Since } from "../src/model/outbound.ts";
import type { Ticketed } from "../src/model/ticket.ts";
import { isLong, People } from "./people.ts";

// Local: quick and idempotent, and the agent waits for the answer. Bounded by number, because the SDK forgets a bound in
// time that runs out between two attempts; a run that gave up is begun again by the same submit.
const { posternScreen } = proxyLocalActivities<OutboundActivities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "100 milliseconds", backoffCoefficient: 2, maximumInterval: "2 seconds", maximumAttempts: 34 },
});

/** Milliseconds until mail whose fate is unknown is looked at again. */
const LOOK_AGAIN_MS = 3_600_000;

const UNTIL_DONE = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" } as const;

// Local as well: what nobody need be asked about leaves within the task that screened it. It takes two seconds at most, and
// whatever it has not come to by then is the regular activity's: a task that lasts is given to another, and nobody is heard.
const { posternSendQuick } = proxyLocalActivities<OutboundActivities>({
  startToCloseTimeout: "5 seconds",
  retry: { maximumAttempts: 1 },
});

const { posternCopy } = proxyActivities<OutboundActivities>({ startToCloseTimeout: "1 minute", retry: UNTIL_DONE });

// A transaction with the next hop may take half an hour by the bounds of its steps, and a worker that died in it is noticed by its heartbeat.
const { posternSend } = proxyActivities<SendActivities>({
  startToCloseTimeout: "45 minutes",
  heartbeatTimeout: "30 seconds",
  retry: UNTIL_DONE,
});

/**
 * One draft: composed and frozen, screened, shown to people where the mailbox's mode says so, screened again, sent once.
 * Fails with type `Limited` when a cap refused it, so that the agent may submit the same again. `stage`: how far an earlier
 * run came, whose history grew too long; the record has judged it, and judges on.
 *
 * INVARIANT: every step is given the input as it came. Its ticket is what makes it the draft of the author it names; without
 * one the steps fail with type `untrusted_start`. `stage` has none, because it decides nothing: only the record says what may leave.
 */
export async function outboundMessage(input: Ticketed<OutboundInput>, stage?: OutboundStage): Promise<OutboundResult> {
  const draft = new Draft(input);
  const begun = stage ?? beginning(await posternScreen(input));
  const state = begun === null ? "blocked" : await draft.run(begun);
  if (!draft.isQuiet) await draft.close();
  return { state };
}

/** Where a draft begins that was just screened; null: it never does. */
function beginning(screened: ScreenStep): OutboundStage | null {
  switch (screened.kind) {
    case "blocked":
      return null;
    case "limited":
      throw limited(screened.reason);
    case "hold":
      return { times: screened.times, since: null };
    case "go":
      return { times: null, since: null, quick: screened.quick === true };
    default:
      return screened satisfies never;
  }
}

class Draft {
  readonly #input: Ticketed<OutboundInput>;
  readonly #people: People;
  #wakes = 0;
  #isAtOnce = false;
  #isQuick = false;

  constructor(input: Ticketed<OutboundInput>) {
    this.#input = input;
    this.#people = new People({ tenant: input.tenant, mailbox: input.mailbox, hold: input.draft });
    setHandler(defineSignal(WAKE_SIGNAL), () => void (this.#wakes += 1));
  }

  get isQuiet(): boolean {
    return this.#people.isQuiet;
  }

  close(): Promise<void> {
    return this.#people.close();
  }

  /** `times`: of the hold that comes first; null: nobody need approve. */
  async run({ times, since: begun, at_once = false, quick = false }: OutboundStage): Promise<DraftState> {
    this.#isAtOnce = at_once;
    this.#isQuick = quick;
    for (let [hold, since] = [times, begun]; ; since = null) {
      const status = hold === null ? "approved" : await this.#people.decided(hold);
      if (status === "waiting") return this.#goOn({ times: hold, since: null });
      // No quorum, no mail: what expires ends here like what is rejected.
      if (status !== "approved") return status;
      const step = await this.#send(since);
      if (step.kind === "done") return step.copy ? this.#copied(step.state) : step.state;
      hold = step.times;
    }
  }

  /**
   * In another run, once everybody here has been answered; what was taken back looks at the record at once. INVARIANT: the
   * input goes on as it came, or its ticket would be none.
   */
  async #goOn(stage: OutboundStage): Promise<never> {
    await this.close();
    const isOver = this.#isAtOnce || this.#people.status === "cancelled";
    return continueAsNew<typeof outboundMessage>(this.#input, isOver ? { ...stage, at_once: true } : stage);
  }

  /** Goes at it until it has left for good, can never leave, or needs people again. */
  async #send(begun: Since | null): Promise<Extract<SendStep, { kind: "done" | "hold" }>> {
    if (this.#isEarly) await this.#untilDue();
    const at = begun?.at ?? Date.now();
    for (let tries = begun?.tries ?? 0; ;) {
      this.#people.begin();
      const heard = this.#heard;
      const step = await this.#go({ at, tries });
      if (step.kind === "done" || step.kind === "hold") return step;
      if (step.kind === "late") continue;
      // INVARIANT (DESIGN §9.7): only a person says what becomes of mail whose fate nobody knows; to look changes nothing, but
      // a transaction that was only thought lost may have recorded its end.
      if (step.kind === "again" && step.tried) tries += 1;
      if (this.#heard === heard) await this.#untilHeard(step.kind === "unknown" ? LOOK_AGAIN_MS : step.after_ms);
      if (isLong()) return this.#goOn({ times: null, since: { at, tries } });
    }
  }

  /** Quick the first time, where it may be. */
  async #go(since: Since): Promise<SendStep> {
    if (!this.#isQuick) return posternSend(this.#input, since);
    this.#isQuick = false;
    // Failed: what came of it is on record, and told to the regular one.
    return posternSendQuick(this.#input, since).catch((): SendStep => ({ kind: "late" }));
  }

  /** judged again at its time, not before. */
  get #isEarly(): boolean {
    return !this.#isAtOnce && this.#due > Date.now() && this.#people.status !== "cancelled";
  }

  get #due(): number {
    return this.#input.send_at ?? 0;
  }

  async #untilDue(): Promise<void> {
    while (this.#isEarly) {
      await this.#untilHeard(this.#due - Date.now());
      if (isLong()) await this.#goOn({ times: null, since: null });
    }
  }

  /** Moves with every accepted attempt and every wake. */
  get #heard(): number {
    return this.#people.moves + this.#wakes;
  }

  async #untilHeard(ms: number): Promise<void> {
    const before = this.#heard;
    await condition(() => this.#heard !== before || isLong(), Math.max(1, ms));
  }

  /** The copy of monitored mail is a message of its own, which this one does not wait for (MM-05). */
  async #copied(state: DraftState): Promise<DraftState> {
    const input = await posternCopy(this.#input);
    if (input !== null) {
      const options = { workflowId: outboundWorkflowId(input.draft), parentClosePolicy: ParentClosePolicy.ABANDON };
      await startChild(outboundMessage, { ...options, args: [input] });
    }
    return state;
  }
}

function limited(reason: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: LIMITED_FAILURE,
    message: reason,
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}
