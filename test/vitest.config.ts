import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { LongestFirst } from "./support/order.ts";
import { processesAsOneFile } from "./support/processes.ts";
import { threadsAsOneFile } from "./support/threads.ts";

/** What runs neither Temporal workers nor a whole service. */
const PARTS = [
  "test/!(upkeep).test.ts",
  "test/{activities,audit,blobs,grants,guards,intake,mail,model,policies,screening,store,threads,transports}/**/*.test.ts",
  "test/cli/!(doctor|gate|pending|sandbox|sending|serve).test.ts",
  "test/http/!(ingest|ingest-killed|send).test.ts",
  "test/smtp/!(postfix).test.ts",
  "test/client/!(client).test.ts",
  "test/package/!(tarball).test.ts",
  "test/testing/*.test.ts",
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
const CODE = {
  plugins: [threadsAsOneFile(), processesAsOneFile()],
  resolve: { alias: [...PACKAGE, { find: /^postern$/, replacement: fileURLToPath(new URL("../src/index.ts", import.meta.url)) }] },
};

const COMMON = {
  // Modules are loaded once for many files: loading, and code that was never run before, was a third of what these cost.
  isolate: false,
  testTimeout: 30_000,
  hookTimeout: 60_000,
  setupFiles: ["test/support/file-end.ts"],
};

/**
 * Each worker would start a thread for its workflows, and each of their tasks another one to watch the first: a sixth of the
 * processor time of a test's own process, a third of a service's start. Of services that are started as processes only those
 * get this whose scenarios `npm run soak` plays as they run for users; all others run so here too.
 */
const WORKFLOWS_ON_THE_MAIN_THREAD = { TEMPORAL_DEBUG: "1" };

/** After those that wait, and fewer at once: they compute, and some of them within a time. */
const COMPUTING = { maxWorkers: 3, sequence: { groupOrder: 1 } };

export default defineConfig({
  test: {
    // Once for all projects, which therefore do not extend this.
    globalSetup: ["test/support/temporal.ts"],
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        ...CODE,
        test: {
          ...COMMON,
          name: "whole",
          // Two cores, and many tests that wait: for a deadline, a restart, a lock.
          maxWorkers: 4,
          include: ["test/**/*.test.ts"],
          exclude: [...ELSEWHERE, ...PARTS, ...POSTGRES_ONLY],
          env: WORKFLOWS_ON_THE_MAIN_THREAD,
          globalSetup: ["test/support/workflow-bundle.ts"],
        },
      },
      {
        ...CODE,
        test: {
          ...COMMON,
          name: "parts",
          ...COMPUTING,
          include: PARTS,
          exclude: POSTGRES_ONLY,
        },
      },
      {
        ...CODE,
        test: {
          ...COMMON,
          name: "postgres",
          ...COMPUTING,
          include: [...BATTERIES, ...POSTGRES_ONLY],
          exclude: SQLITE_ONLY,
          globalSetup: ["test/support/postgres.ts"],
          setupFiles: [...COMMON.setupFiles, "test/support/postgres/skip.ts"],
        },
      },
    ],
  },
});
