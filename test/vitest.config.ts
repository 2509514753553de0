import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/order.ts";

/** What runs Temporal workers, or a whole service: a process for each file, because the SDK keeps timers when a worker ends. */
const WHOLE = [
  "test/{channels,dev,durability,hostile,invariants,outbound,workflows}/**/*.test.ts",
  "test/cli/{doctor,gate,pending,sandbox,sending,serve}.test.ts",
  "test/http/send.test.ts",
  "test/upkeep.test.ts",
];
const ELSEWHERE = ["test/soak/**", "test/bench/**"];

// Compiled code is kept for the processes and threads that tests start by the hundred.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("../node_modules/.cache/postern-compiled", import.meta.url));

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores, and many tests that wait: for a deadline, a restart, a lock.
    maxWorkers: 3,
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "whole",
          include: WHOLE,
          exclude: [...ELSEWHERE],
          globalSetup: ["test/support/temporal.ts", "test/support/workflow-bundle.ts"],
          setupFiles: ["test/support/file-end.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: [...ELSEWHERE, ...WHOLE],
          setupFiles: ["test/support/file-end.ts"],
          // Modules are loaded once for many files: loading was half of what these cost.
          isolate: false,
        },
      },
    ],
  },
});
