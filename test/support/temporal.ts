import type { TestProject } from "vitest/node";
import { startTemporal } from "../../src/dev/temporal.ts";
import { findTemporal } from "../../src/dev/temporal/find.ts";
import { createProgress } from "../../src/dev/temporal/progress.ts";
import { isTemporalExternal } from "../../src/temporal-env.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** `host:port` of the one server of this test run, namespace `default`. Tests keep apart by task queues of their own. */
    temporalAddress: string;
    /** For tests that start, kill and restart a server of their own; null when TEMPORAL_ADDRESS names a server. */
    temporalExecutable: string | null;
  }
}

/** Runs once before all tests: one Temporal server in memory, or the one that TEMPORAL_ADDRESS names. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (isTemporalExternal(process.env)) {
    project.provide("temporalAddress", process.env["TEMPORAL_ADDRESS"] ?? "127.0.0.1:7233");
    project.provide("temporalExecutable", null);
    return async () => {};
  }
  const executable = await findTemporal(process.env, createProgress(process.stderr));
  const server = await startTemporal({ executable });
  project.provide("temporalAddress", server.address);
  project.provide("temporalExecutable", executable);
  return () => server.stop();
}
