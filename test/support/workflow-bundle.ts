import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { bundlePosternWorkflows } from "../../src/workflow-bundle.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** File with the workflow bundle as JSON: made once, because it takes seconds. Absent where few need it. */
    bundleFile?: string;
  }
}

/** Runs once before all tests that need it: what is costly to make and never changes. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), "postern-run-"));
  project.provide("bundleFile", await writeBundle(folder));
  return () => rm(folder, { recursive: true, force: true });
}

/** The workflow bundle as JSON in a file in this folder, for processes that are started with it; resolves to its path. */
export async function writeBundle(folder: string): Promise<string> {
  const file = join(folder, "bundle.json");
  await writeFile(file, JSON.stringify(await bundlePosternWorkflows()));
  return file;
}
