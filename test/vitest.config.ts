import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/soak/**", "test/bench/**"],
    globalSetup: ["test/support/temporal.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores, and many tests that wait: for a deadline, a restart, a lock.
    maxWorkers: 3,
    reporters: ["default"],
  },
});
