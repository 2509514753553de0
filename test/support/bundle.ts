import { readFile } from "node:fs/promises";
import { inject } from "vitest";
import { bundlePosternWorkflows } from "../../src/workflow-bundle.ts";

type Bundle = ReturnType<typeof bundlePosternWorkflows>;

let bundle: Bundle | undefined;

/** The workflow code, as it was bundled once for this run. */
export function workflowBundle(): Bundle {
  const file = inject("bundleFile");
  return (bundle ??= file === undefined ? bundlePosternWorkflows() : read(file));
}

async function read(path: string): Bundle {
  return JSON.parse(await readFile(path, "utf8")) as Awaited<Bundle>;
}
