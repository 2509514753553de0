import { ActivityFailure, ApplicationFailure, type Duration } from "@temporalio/common";
import { condition, defineSignal, proxyActivities, setHandler, workflowInfo } from "@temporalio/workflow";
import type { AgentActivities } from "../activities/agent.ts";
import { CAPABILITY_DENIED, type InboxState, type MailContent } from "../src/model/agent.ts";
import type { DispatchRef, MailDelivery } from "../src/model/channel.ts";
import type { DispatchId } from "../src/model/ids.ts";
import { MAIL_SIGNAL } from "../src/model/names.ts";
import { turnTo } from "./current.ts";

/** Deliveries whose repeats are known. */
const REMEMBERED = 500;

/** Mail that a next run is given at once; with more the agent works on. Some 600 bytes each, and Temporal refuses 2 MB. */
const CARRIED = 1_000;

/** Longest id in a delivery, in characters. */
const ID_LENGTH = 80;

const RETRY = { initialInterval: "1 second", backoffCoefficient: 2, maximumInterval: "1 minute" } as const;

/** @experimental */
export interface InboxOptions {
  /** With no mail for as long the loop ends. Default: it waits for ever. */
  readonly idle?: Duration;
  /** Where `posternReadMail` runs. Default: the workflow's own task queue, whose worker has the plugin. */
  readonly taskQueue?: string;
}

/**
 * One mail, as its signal told of it. Threat: whoever may signal the workflow can make these facts up. What `read` returns
 * and what the worker lets activities do comes from the record.
 *
 * @experimental
 */
export interface Mail extends MailDelivery {
  /**
   * What `GET /v1/messages/{id}` gives an agent: sender, subject, text, a fresh grant. INVARIANT for whoever calls it: the
   * result is in this workflow's history, readable by all who may read that, unless the worker has a payload codec that
   * encrypts. Waits while the mailbox is stopped. Rejects with `capability_denied` when the mail is not this workflow's.
   */
  read(): Promise<MailContent>;
}

/**
 * The mail of an agent's workflow, in the order of its signals, each delivery once. To be called before the workflow first
 * awaits, and once in a run.
 *
 * ```ts
 * for await (const mail of onMail(start)) { const { text } = await mail.read(); … }
 * ```
 *
 * While the body of the loop runs, every activity the workflow calls is on behalf of that mail and may do what that mail
 * allows: await what belongs to one mail before the next turn.
 *
 * @param start the workflow's argument; has the `inbox` of the run before
 * @experimental
 */
export function onMail(start: { readonly inbox?: InboxState } = {}, options: InboxOptions = {}): Inbox {
  return new Inbox(start.inbox ?? { queue: [], seen: [] }, options);
}

/** @experimental */
export class Inbox implements AsyncIterable<Mail> {
  readonly #queue: MailDelivery[];
  readonly #seen: Set<DispatchId>;
  readonly #options: InboxOptions;

  /** Use {@link onMail}. */
  constructor(state: InboxState, options: InboxOptions) {
    this.#queue = [...state.queue];
    this.#seen = new Set(state.seen);
    this.#options = options;
    setHandler(defineSignal<[unknown]>(MAIL_SIGNAL), (delivery) => this.#take(delivery));
  }

  /** Mail that came and was not dealt with. Look before the workflow ends: what it leaves behind nobody reads. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** True when the history has grown so long that `continueAsNew` with {@link carry} is due. */
  get isLong(): boolean {
    return workflowInfo().continueAsNewSuggested && this.#queue.length <= CARRIED;
  }

  /** For the argument of the next run: `continueAsNew<typeof agent>({...start, inbox: inbox.carry()})`. Nothing may be awaited in between. */
  carry(): InboxState {
    return { queue: [...this.#queue], seen: [...this.#seen] };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Mail, void, void> {
    try {
      for (;;) {
        turnTo(null);
        const delivery = await this.#next();
        if (delivery === null) return;
        turnTo(refOf(delivery));
        yield { ...delivery, read: () => this.#read(delivery) };
      }
    } finally {
      turnTo(null);
    }
  }

  async #next(): Promise<MailDelivery | null> {
    const came = (): boolean => this.#queue.length > 0;
    if (this.#options.idle === undefined) await condition(came);
    else await condition(came, this.#options.idle);
    return this.#queue.shift() ?? null;
  }

  /** What is no delivery, or is one that came before, is dropped: a signal cannot be refused. */
  #take(delivery: unknown): void {
    if (!isDelivery(delivery) || this.#seen.has(delivery.delivery_id)) return;
    this.#seen.add(delivery.delivery_id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= REMEMBERED) break;
      this.#seen.delete(oldest);
    }
    this.#queue.push(delivery);
  }

  #read(delivery: MailDelivery): Promise<MailContent> {
    const { taskQueue } = this.#options;
    const { posternReadMail } = proxyActivities<AgentActivities>({
      startToCloseTimeout: "1 minute",
      retry: RETRY,
      ...(taskQueue === undefined ? {} : { taskQueue }),
    });
    return posternReadMail(refOf(delivery));
  }
}

/**
 * Whether a call failed because the mail being dealt with does not allow it (MB-06).
 *
 * @experimental
 */
export function isCapabilityDenied(error: unknown): boolean {
  // What a local activity fails with comes as it is.
  const failure = error instanceof ActivityFailure ? error.cause : error;
  return failure instanceof ApplicationFailure && failure.type === CAPABILITY_DENIED;
}

export function refOf({ tenant, delivery_id }: Pick<MailDelivery, "tenant" | "delivery_id">): DispatchRef {
  return { tenant, dispatch: delivery_id };
}

/** For the workflow's author: what it asks for makes no sense. Anything else thrown would leave the workflow stuck. */
export function misuse(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, "invalid_request");
}

function isDelivery(value: unknown): value is MailDelivery {
  if (typeof value !== "object" || value === null) return false;
  const { delivery_id, tenant, mailbox, message, thread, capabilities, received_at } = value as Partial<
    Record<keyof MailDelivery, unknown>
  >;
  const ids = [delivery_id, tenant, mailbox, message, thread];
  return ids.every((id) => typeof id === "string" && id.length <= ID_LENGTH) && isNames(capabilities) && typeof received_at === "number";
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === "string");
}
