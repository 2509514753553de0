import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/order.ts";

/** What runs Temporal workers, or a whole service: a process for each file, because the SDK keeps timers when a worker ends. */
const WHOLE = [
  "test/{channels,client,dev,durability,examples,hostile,invariants,outbound,plugin,testing,workflows}/**/*.test.ts",
  "test/cli/{doctor,gate,pending,sandbox,sending,serve}.test.ts",
  "test/http/{ingest,ingest-killed,send}.test.ts",
  "test/smtp/postfix.test.ts",
  "test/upkeep.test.ts",
];
const ELSEWHERE = ["test/soak/**", "test/bench/**"];
/** What the store promises, asked of both engines; beside it what is PostgreSQL's alone. */
const BATTERIES = ["test/store/*.test.ts"];
const POSTGRES_ONLY = ["test/**/postgres/*.test.ts"];
/** What is the embedded store's alone. */
const SQLITE_ONLY = ["sqlite", "line", "jobs", "kept", "plans", "holds-list"].map((name) => `test/store/${name}.test.ts`);

// Compiled code is kept for the processes and threads that tests start by the hundred.
process.env["NODE_COMPILE_CACHE"] ??= fileURLToPath(new URL("../node_modules/.cache/postern-compiled", import.meta.url));

/** The names that users import, as source: examples are written as they write. */
const PACKAGE = Object.entries({ client: "src/client", testing: "src/testing", workflows: "workflows/index" }).map(([name, path]) => ({
  find: `postern/${name}`,
  replacement: fileURLToPath(new URL(`../${path}.ts`, import.meta.url)),
}));

export default defineConfig({
  resolve: { alias: [...PACKAGE, { find: /^postern$/, replacement: fileURLToPath(new URL("../src/index.ts", import.meta.url)) }] },
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
          exclude: [...ELSEWHERE, ...POSTGRES_ONLY],
          globalSetup: ["test/support/temporal.ts", "test/support/workflow-bundle.ts"],
          setupFiles: ["test/support/file-end.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "parts",
          include: ["test/**/*.test.ts"],
          exclude: [...ELSEWHERE, ...WHOLE, ...POSTGRES_ONLY],
          setupFiles: ["test/support/file-end.ts"],
          // Modules are loaded once for many files: loading was half of what these cost.
          isolate: false,
        },
      },
      {
        extends: true,
        test: {
          name: "postgres",
          include: [...BATTERIES, ...POSTGRES_ONLY],
          exclude: SQLITE_ONLY,
          globalSetup: ["test/support/postgres.ts"],
          setupFiles: ["test/support/file-end.ts", "test/support/postgres/skip.ts"],
          isolate: false,
        },
      },
    ],
  },
});
