import { instanceOf, type AllowDeps } from "../activities/allow.ts";
import { mostQuick, QuickSends } from "../activities/quick-sends.ts";
import { serveBeside, type Beside, type BesideOptions } from "./beside.ts";
import { inTime } from "./closing.ts";
import type { Config } from "./config.ts";
import { PosternError } from "./model/errors.ts";
import { createPosternActivities, type PosternActivities } from "./plugin-activities.ts";
import type { Running } from "./serve.ts";

/** What a running plugin has opened. @experimental */
export interface Opened extends Pick<Running, "adminKey" | "tenant"> {
  /** Where the doors listen; null: in another process. */
  readonly doors: Pick<Running, "smtp" | "http"> | null;
}

/** What is open while a worker runs. */
export interface Instanced {
  readonly beside: Beside;
  readonly activities: PosternActivities;
  readonly quickSends: QuickSends;
  readonly allowing: AllowDeps;
}

/** What the SDK gives a worker that is not told (`maxConcurrentWorkflowTaskExecutions`). */
const DEFAULT_SLOTS = 40;

/** Milliseconds that mail which goes on beside a workflow task is given when the last worker has stopped. */
const LAST_MS = 5_000;

export interface BeginOptions extends Omit<BesideOptions, "judgements"> {
  /** Workflow tasks that the worker takes at once; null: nobody can say. */
  readonly slots: number | null;
}

export async function begin(config: Config, { slots, ...options }: BeginOptions): Promise<Instanced> {
  const judgements = Math.max(1, Math.floor((slots ?? DEFAULT_SLOTS) / 2));
  const beside = await serveBeside(config, { ...options, judgements });
  const { deps } = beside;
  const quickSends = new QuickSends(mostQuick(slots ?? 0));
  const activities = createPosternActivities(deps, options.taskQueues.main, quickSends);
  return { beside, activities, quickSends, allowing: { ...deps, instance: () => instanceOf(deps.store) } };
}

/** Opened by the first worker, closed after the last. */
export class Instance {
  #users = 0;
  #opening: Promise<Instanced> | null = null;
  #open: Instanced | null = null;
  #told = told();

  get opened(): Promise<Opened> {
    return this.#told.promise;
  }

  get activities(): PosternActivities {
    return this.#now.activities;
  }

  get allowing(): AllowDeps {
    return this.#now.allowing;
  }

  get #now(): Instanced {
    if (this.#open !== null) return this.#open;
    throw new PosternError("unavailable", "postern is not open", { temporary: true, fix: "run the worker it was given to" });
  }

  /** Whoever joined leaves, also when this rejects. */
  async join(open: () => Promise<Instanced>): Promise<void> {
    this.#users += 1;
    try {
      this.#open = await (this.#opening ??= open());
    } catch (error) {
      this.#told.reject(error);
      throw error;
    }
  }

  /** A worker runs on it. */
  tell(): void {
    const { doors, adminKey, tenant } = this.#now.beside;
    this.#told.resolve({ doors, adminKey, tenant });
  }

  async closeDoors(): Promise<void> {
    // What does not close in order is closed with the rest.
    await this.#open?.beside.closeDoors().catch(() => undefined);
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const open = this.#open;
    [this.#open, this.#opening, this.#told] = [null, null, told()];
    if (open === null) return;
    await inTime(open.quickSends.close(), LAST_MS);
    await open.beside.close();
  }
}

function told(): PromiseWithResolvers<Opened> {
  const made = Promise.withResolvers<Opened>();
  // Nobody may be asking.
  made.promise.catch(() => undefined);
  return made;
}
