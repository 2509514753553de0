import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/soak/**", "test/bench/**"],
    globalSetup: ["test/support/temporal.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores: the Temporal server wants one of them.
    maxWorkers: 2,
    reporters: ["default"],
  },
});
