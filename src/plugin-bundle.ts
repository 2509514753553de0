import type { BundleOptions } from "@temporalio/worker";
import { WORKFLOW } from "./model/names.ts";
import { PLUGIN } from "./plugin-checks.ts";

type Hook = NonNullable<BundleOptions["webpackConfigHook"]>;
type Plugin = NonNullable<NonNullable<Parameters<Hook>[0]["plugins"]>[number]>;
type Compiler = Parameters<Extract<Plugin, (compiler: never) => void>>[0];
type Compilation = Parameters<Parameters<Compiler["hooks"]["compilation"]["tap"]>[1]>[0];

/**
 * Looks, while the bundler makes a team's bundle, whether their workflow module exports ours: in the code alone it cannot be
 * seen, for a module that imports from us and exports nothing holds all of it. `lacks` is called when it certainly does
 * not; where nobody can say (CommonJS), it is not.
 */
export function lookingAtExports(options: BundleOptions, lacks: () => void): BundleOptions {
  const before: Hook = options.webpackConfigHook ?? ((config) => config);
  const look = (compiler: Compiler): void =>
    compiler.hooks.compilation.tap(PLUGIN, (compilation) =>
      compilation.hooks.seal.tap(PLUGIN, () => {
        if (isExported(compilation, options.workflowsPath) === false) lacks();
      }),
    );
  const webpackConfigHook: Hook = (config) => {
    const hooked = before(config);
    return { ...hooked, plugins: [...(hooked.plugins ?? []), { apply: look }] };
  };
  return { ...options, webpackConfigHook };
}

/** Null: nobody can say. */
function isExported({ entries, moduleGraph }: Compilation, workflowsPath: string): boolean | null {
  const [first] = [...entries.values()].flatMap(({ dependencies }) => dependencies);
  const entry = first === undefined ? null : moduleGraph.getModule(first);
  if (entry === null) return null;
  for (const { dependency, module } of moduleGraph.getOutgoingConnections(entry)) {
    if ((dependency as { readonly request?: string } | null)?.request !== workflowsPath) continue;
    return moduleGraph.getExportsInfo(module).isExportProvided(WORKFLOW.inboundMessage) ?? null;
  }
  return null;
}
