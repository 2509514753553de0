import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { bundlePosternWorkflows } from "../../src/workflow-bundle.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MARK = "//# sourceMappingURL=data:application/json;charset=utf-8;base64,";

/** What workflow code stands on: the SDK and what that brings along. */
const PACKAGES = ["@temporalio/common", "@temporalio/workflow", "long", "ms", "nexus-rpc"];
/** Bytes of the script without its map; 530,000 of them are the SDK's. */
const LARGEST = 620_000;

let code: string;
/** Every module of the bundle, by its path from the root. */
let modules: readonly string[];
let map: { readonly sources: readonly string[]; readonly mappings: string };

beforeAll(async () => {
  const bundle = await bundlePosternWorkflows();
  const at = bundle.code.lastIndexOf(MARK);
  code = bundle.code.slice(0, at);
  map = JSON.parse(Buffer.from(bundle.code.slice(at + MARK.length), "base64").toString()) as typeof map;
  modules = map.sources.filter((source) => source.startsWith("/")).map((source) => relative(ROOT, source));
});

function packageOf(module: string): string | undefined {
  const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(module) ?? [];
  return name;
}

describe("DESIGN §9.9 the workflow bundle", () => {
  it("holds the workflows", () => {
    expect(modules).toEqual(expect.arrayContaining(["inbound", "hold", "upkeep", "index"].map((name) => `workflows/${name}.ts`)));
  });

  it("holds of our own code nothing but workflows and the vocabulary", () => {
    const own = modules.filter((module) => packageOf(module) === undefined);
    expect(own.filter((module) => !/^(?:workflows|src\/model)\//.test(module))).toEqual([]);
  });

  it("holds no package but the SDK: no zod, no parser, no pattern engine", () => {
    const packages = new Set(modules.map(packageOf).filter((name) => name !== undefined));
    expect([...packages].toSorted()).toEqual(PACKAGES);
  });

  it("shares between workflows no module that keeps anything", () => {
    const shared = [...code.matchAll(/preloadModules\(\) \{([^}]*)\}/g)].flatMap(([, body = ""]) => [...body.matchAll(/"\.\/([^"]+)"/g)]);
    const seen = new Set(shared.map(([, path = ""]) => path));
    expect(seen).toContain("workflows/outbound.ts");
    for (const module of seen) {
      const source = readFileSync(join(ROOT, module), "utf8");
      // A binding that moves, or a collection that no factory's call hides.
      expect
        .soft(source, module)
        .not.toMatch(/^(?:export )?(?:let |const \w+(?:: [^=]+)? = (?:new (?:Map|Set|WeakMap|WeakSet)\b|\[\]|\{\}))/m);
      for (const [, path = ""] of source.matchAll(/^(?:import|export) (?!type )[^;]*? from "(\.[^"]+)"/gm))
        seen.add(join(dirname(module), path));
    }
  });

  it("asks for no module of Node", () => {
    // Webpack names its own `__webpack_require__`; any other would be left for the engine to find.
    expect(code).not.toMatch(/(?<![\w.])(?:require|import)\(/);
  });

  it("names files and lines for stack traces, without the text of the files", () => {
    expect(map.mappings.length).toBeGreaterThan(0);
    expect(Object.keys(map)).not.toContain("sourcesContent");
  });

  it("stays small enough to load for every worker", () => {
    expect(code.length).toBeGreaterThan(0);
    expect(code.length).toBeLessThan(LARGEST);
  });
});
