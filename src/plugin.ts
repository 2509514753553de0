import { fileURLToPath } from "node:url";
import { SimplePlugin } from "@temporalio/plugin";
import type { BundleOptions, Worker, WorkerOptions } from "@temporalio/worker";
import type { Logger } from "pino";
import { capabilityInterceptor, checkCapabilities, mappedActivities, nexusGuard, type CapabilityOptions } from "./capabilities.ts";
import { loadConfig, type Config } from "./config.ts";
import { PosternError } from "./model/errors.ts";
import { DEFAULT_TEMPORAL_ADDRESS, type TaskQueues } from "./model/names.ts";
import { lazyActivities, type PosternActivities } from "./plugin-activities.ts";
import { lookingAtExports } from "./plugin-bundle.ts";
import { checkBundle, checkMapped, checkNames, checkRegistered, noWorkflows, PLUGIN } from "./plugin-checks.ts";
import { begin, Instance, type Instanced, type Opened } from "./plugin-instance.ts";

/** @experimental */
export interface PosternPluginOptions extends CapabilityOptions {
  /** Default: `loadConfig(process.env)`, read when a worker is made. What it says of Temporal is not used. */
  readonly config?: Config;
  /**
   * Where the gate starts its workflows. Default: both on the task queue of the worker, if it is the only one with this
   * plugin. A gate under load wants `inbound` on a worker of its own: a slow resolver keeps workflow slots of that worker.
   */
  readonly taskQueues?: TaskQueues;
  /** SMTP and HTTP in this process too. Default true; false needs a store that processes share. */
  readonly doors?: boolean;
  /** Default: JSON lines on standard error, as the configuration says. */
  readonly log?: Logger;
}

/** Milliseconds between two looks at whether a worker has begun to stop: the SDK tells nobody. */
const LOOK_MS = 50;

/**
 * Postern in a worker of yours: beside its workflows, activities, interceptors, codecs and data converter, none of which
 * it displaces.
 *
 * ```ts
 * // workflows.ts: your own, and
 * export * from "postern/workflows";
 * // worker.ts
 * const worker = await Worker.create({ taskQueue: "agents", workflowsPath, activities, plugins: [new PosternPlugin()] });
 * await worker.run(); // opens store and doors first, and closes them last
 * ```
 *
 * One plugin is one instance: give the same object to every worker of a process, to a connection, to
 * `bundleWorkflowCode`, to replays; given twice it counts once. Its activities are called `postern…`; a worker that has one
 * of that name already is refused.
 *
 * What it deliberately does not do: add workflows to your bundle (the SDK has no way for a plugin to; export them), install
 * a `Runtime` or its logger, change connection, client, TLS or converter, register search attributes, make namespaces, run
 * workers of its own, make child workflows inherit a mail's authority, or guard activities and Nexus operations on workers without it.
 *
 * @experimental
 */
export class PosternPlugin extends SimplePlugin {
  readonly #options: PosternPluginOptions;
  readonly #activities: PosternActivities;
  readonly #instance: Instance;
  readonly #workers = new Set<Worker>();
  readonly #queues = new Set<string>();
  readonly #known = new Set<string>();
  /** Workflow modules that were bundled and do not export ours. */
  readonly #lacking = new Set<string>();
  #config: Config | undefined;

  constructor(options: PosternPluginOptions = {}) {
    checkCapabilities(options);
    const instance = new Instance();
    const guard = nexusGuard(options, () => instance.allowing);
    const activities = { ...lazyActivities(() => instance.activities), ...guard };
    const isMapping = options.capabilities !== undefined || options.toolOf !== undefined;
    super({
      name: PLUGIN,
      activities,
      workerInterceptors: {
        workflowModules: [interceptorModule()],
        activity: isMapping ? [capabilityInterceptor(options, () => instance.allowing)] : [],
      },
    });
    this.#options = options;
    this.#config = options.config;
    this.#instance = instance;
    this.#activities = activities;
  }

  /** Resolves once the first worker runs and everything is open; rejects when it cannot be opened. */
  opened(): Promise<Opened> {
    return this.#instance.opened;
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    if (this.#isIn(options.activities)) return options;
    this.#config ??= loadConfig(process.env);
    checkNames(this.#activities, options);
    this.#queues.add(options.taskQueue);
    if (this.#serves(options.taskQueue)) checkBundle(options);
    const configured = super.configureWorker(options);
    for (const name of Object.keys(configured.activities ?? {})) this.#known.add(name);
    // The SDK's merge leaves out what it does not know of.
    return { ...configured, interceptors: { ...options.interceptors, ...configured.interceptors } };
  }

  override configureBundler(options: BundleOptions): BundleOptions {
    return lookingAtExports(super.configureBundler(options), () => this.#lacking.add(options.workflowsPath));
  }

  override async runWorker(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    if (this.#workers.has(worker)) return next(worker);
    const { taskQueue, workflowsPath } = worker.options;
    if (workflowsPath !== undefined && this.#lacking.has(workflowsPath) && this.#serves(taskQueue)) throw noWorkflows("module");
    checkRegistered(this.#activities, worker);
    checkMapped(mappedActivities(this.#options), this.#known);
    this.#workers.add(worker);
    try {
      await this.#instance.join(() => this.#open(worker));
      await this.#run(worker, next);
    } finally {
      this.#workers.delete(worker);
      await this.#instance.leave();
    }
  }

  async #run(worker: Worker, next: (worker: Worker) => Promise<void>): Promise<void> {
    const timer = setInterval(() => {
      if (worker.getState() !== "RUNNING") void this.#instance.closeDoors();
    }, LOOK_MS);
    try {
      const running = super.runWorker(worker, next);
      // By now it can be shut down.
      this.#instance.tell();
      await running;
    } finally {
      clearInterval(timer);
    }
  }

  #open(worker: Worker): Promise<Instanced> {
    const { client } = worker;
    if (client === undefined) throw new PosternError("internal", "a worker that runs has no connection");
    const taskQueues = this.#taskQueues();
    const { namespace, tuner } = worker.options;
    const address = process.env["TEMPORAL_ADDRESS"] ?? DEFAULT_TEMPORAL_ADDRESS;
    return begin(this.#config ?? loadConfig(process.env), {
      ...{ client, taskQueues, temporal: { address, namespace }, doors: this.#options.doors ?? true },
      slots: slotsOf(tuner),
      ...(this.#options.log === undefined ? {} : { log: this.#options.log }),
    });
  }

  #taskQueues(): TaskQueues {
    if (this.#options.taskQueues !== undefined) return this.#options.taskQueues;
    const [queue, other] = this.#queues;
    if (queue !== undefined && other === undefined) return { inbound: queue, main: queue };
    throw new PosternError("invalid_config", "several workers have the plugin, and it is not said where the gate works", {
      fix: 'name the task queues: `new PosternPlugin({ taskQueues: { inbound: "…", main: "…" } })`',
    });
  }

  #serves(queue: string): boolean {
    const { taskQueues } = this.#options;
    return taskQueues === undefined || taskQueues.inbound === queue || taskQueues.main === queue;
  }

  #isIn(activities: object | undefined): boolean {
    const given = activities as Readonly<Record<string, unknown>> | undefined;
    return given?.["posternVerify"] === this.#activities.posternVerify;
  }
}

/** Null: as many as its resources allow, or its author's own supplier. */
function slotsOf({ workflowTaskSlotSupplier: supplier }: Worker["options"]["tuner"]): number | null {
  return supplier.type === "fixed-size" ? supplier.numSlots : null;
}

function interceptorModule(): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../workflows/interceptor.${extension}`, import.meta.url));
}
