import { defineConfig } from "vitest/config";

/** The long version: hundreds of messages, many kills. `SOAK_MESSAGES` and `DURABILITY_SEED` change a run. */
export default defineConfig({
  test: {
    include: ["test/soak/**/*.test.ts"],
    globalSetup: ["test/support/temporal.ts", "test/support/workflow-bundle.ts"],
    setupFiles: ["test/support/file-end.ts"],
    testTimeout: 30 * 60_000,
    hookTimeout: 60_000,
    maxWorkers: 1,
    disableConsoleIntercept: true,
    reporters: ["default"],
  },
});
