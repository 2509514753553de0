import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleWorkflowCode, DefaultLogger, type BundleOptions, type WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { kept, type Made } from "./kept.ts";

/**
 * Workflow code of this package as one script. Making it takes the processor 2 s, so it is kept beside the packages it was
 * made of, in `node_modules/.cache`; where that cannot be written it is made each time.
 */
export function bundlePosternWorkflows(): Promise<WorkflowBundleWithSourceMap> {
  const modules: Modules = { workflowsPath: workflowModule("index"), preloadModules: SHARED.map(workflowModule) };
  return kept(placeFor(modules), () => make(modules));
}

/**
 * Evaluated once for all workflows of a thread instead of once for each, which is a tenth of what one costs. INVARIANT: neither
 * they nor what they import keep anything in a module; what does (`current.ts`) is not reached from here.
 */
const SHARED = ["inbound", "dispatch", "hold", "outbound", "upkeep"];

function workflowModule(name: string): string {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return fileURLToPath(new URL(`../workflows/${name}.${extension}`, import.meta.url));
}

/** A stack trace names our files and lines; what they say is only shown where `showStackTraceSources` is asked for, and half of the script. */
const SOURCE_MAP = "inline-nosources-source-map";

const SDK_PACKAGE = createRequire(import.meta.url).resolve("@temporalio/worker/package.json");

function placeFor(modules: Modules): string {
  const packages = resolve(dirname(SDK_PACKAGE), "../..");
  const name = createHash("sha256")
    .update(JSON.stringify([modules, SOURCE_MAP]))
    .digest("hex")
    .slice(0, 16);
  return join(packages, ".cache", "postern", `workflows-${name}.json`);
}

type Modules = Required<Pick<BundleOptions, "workflowsPath" | "preloadModules">>;

async function make(modules: Modules): Promise<Made<WorkflowBundleWithSourceMap>> {
  let used: Used = { read: [], absent: [] };
  // The bundler reports every module; only what it warns of is news.
  const logger = new DefaultLogger("WARN");
  const value = await bundleWorkflowCode({ ...modules, logger, webpackConfigHook: noting((all) => (used = all)) });
  // What it adds and how it translates is a matter of its version.
  return { value, ...used, read: [...used.read, SDK_PACKAGE] };
}

type Used = Omit<Made<unknown>, "value">;
type Hook = NonNullable<BundleOptions["webpackConfigHook"]>;

/** Tells what the bundler has read, and looked for in vain. */
function noting(tell: (used: Used) => void): Hook {
  const apply = (compiler: Compiler): void =>
    compiler.hooks.done.tap("postern", ({ compilation: { fileDependencies, missingDependencies } }) =>
      tell({ read: [...fileDependencies], absent: [...missingDependencies] }),
    );
  return (config) => ({ ...config, devtool: SOURCE_MAP, plugins: [...(config.plugins ?? []), { apply }] });
}

type Plugin = NonNullable<NonNullable<Parameters<Hook>[0]["plugins"]>[number]>;
type Compiler = Parameters<Extract<Plugin, (compiler: never) => void>>[0];
