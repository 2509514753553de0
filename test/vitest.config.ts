import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/order.ts";

/** What runs neither Temporal workers nor a whole service. */
const PARTS = [
  "test/!(upkeep).test.ts",
  "test/{activities,audit,blobs,grants,guards,mail,model,policies,intake,screening,smtp,store,threads,transports}/**/*.test.ts",
  "test/cli/!(doctor|gate|pending|sandbox|sending|serve).test.ts",
  "test/http/!(ingest|send).test.ts",
];
const ELSEWHERE = ["test/soak/**", "test/bench/**"];

// Compiled code is kept for the processes and threads that tests start by the hundred.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("../node_modules/.cache/postern-compiled", import.meta.url));

const COMMON = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // Two cores, and many tests that wait: for a deadline, a restart, a lock.
  maxWorkers: 4,
  setupFiles: ["test/support/file-end.ts"],
};

export default defineConfig({
  test: {
    // Once for all projects, which therefore do not extend this.
    globalSetup: ["test/support/temporal.ts"],
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...COMMON,
          // A process for each file: the SDK keeps timers when a worker ends, and complains when they fire.
          name: "whole",
          include: ["test/**/*.test.ts"],
          exclude: [...ELSEWHERE, ...PARTS],
          globalSetup: ["test/support/workflow-bundle.ts"],
        },
      },
      {
        test: {
          ...COMMON,
          // Modules are loaded once for many files: loading was half of what these cost.
          name: "parts",
          isolate: false,
          include: PARTS,
        },
      },
    ],
  },
});
