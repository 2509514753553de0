import { readFile } from "node:fs/promises";
import { inject } from "vitest";
import type { bundlePosternWorkflows } from "../../src/worker.ts";

type Bundle = Awaited<ReturnType<typeof bundlePosternWorkflows>>;

let bundle: Promise<Bundle> | undefined;

/** The workflow code, as it was bundled once for this run. */
export function workflowBundle(): Promise<Bundle> {
  return (bundle ??= readFile(inject("bundleFile"), "utf8").then((text) => JSON.parse(text) as Bundle));
}
