import type { Worker, WorkerOptions } from "@temporalio/worker";
import { DELIVERY_HEADER } from "./model/delivery-header.ts";
import { PosternError } from "./model/errors.ts";

// Why a worker is refused: each throws `invalid_config`. What is guessed here would be mail that nobody judges, or an act that nobody guards.

/** Name of the plugin, as the SDK, its logs and its server know it. */
export const PLUGIN = "postern";

/** Only workflows of this package ask for it: a bundle without it has none of them. */
const BUNDLE_MARK = "posternBudget";

type Named = Readonly<Record<string, unknown>>;

/** The SDK merges activities by name, and the last one wins silently. */
export function checkNames(ours: object, { activities = {}, taskQueue }: WorkerOptions): void {
  const taken = Object.keys(ours).find((name) => name in activities);
  if (taken === undefined) return;
  const other = (activities as Named)[taken];
  const named = typeof other === "function" && other.name !== "" ? other.name : "unnamed";
  throw new PosternError(
    "invalid_config",
    `the worker of \`${taskQueue}\` has an activity \`${taken}\` (the function \`${named}\`), and so has the plugin \`${PLUGIN}\``,
    { fix: "rename yours; if it is the plugin's, give the worker one `PosternPlugin`, not two" },
  );
}

/** A plugin after ours may have put something else in its place. */
export function checkRegistered(ours: object, { options }: Worker): void {
  const replaced = Object.entries(ours).find(([name, activity]) => options.activities.get(name) !== activity);
  if (replaced === undefined) return;
  throw new PosternError("invalid_config", `another plugin has replaced the activity \`${replaced[0]}\` of the plugin \`${PLUGIN}\``, {
    fix: "leave the names that start with `postern` to it",
  });
}

/** What is misspelt would stay open. `known`: of all workers with the plugin. */
export function checkMapped(mapped: readonly string[], known: ReadonlySet<string>): void {
  const unknown = mapped.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new PosternError("invalid_config", `\`${unknown}\` is mapped to a capability and is no activity of any worker with this plugin`, {
    fix: "correct the name, and make all workers before the first runs",
  });
}

export function noWorkflows(where: "bundle" | "module"): PosternError {
  return new PosternError("invalid_config", `the workflow ${where} has none of postern's workflows`, {
    fix: 'add `export * from "postern/workflows"` to your workflow module',
  });
}

/** A bundle that was made without the plugin would leave every mail unjudged and every mapped act refused. */
export function checkBundle({ workflowBundle }: WorkerOptions): void {
  if (workflowBundle === undefined || !("code" in workflowBundle)) return;
  const { code } = workflowBundle;
  if (!code.includes(BUNDLE_MARK)) throw noWorkflows("bundle");
  if (code.includes(DELIVERY_HEADER)) return;
  throw new PosternError("invalid_config", "the workflow bundle was made without this plugin", {
    fix: "`bundleWorkflowCode({ workflowsPath, plugins: [postern] })`",
  });
}
