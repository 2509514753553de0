import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest: those that mostly wait among those that compute, so that these fill what the others leave. */
const LONGEST = [
  "durability/locked-store",
  "durability/postgres",
  "dev/start",
  "durability/crash",
  "channels/webhook",
  "durability/outages",
  "package/tarball",
  "channels/killed",
  "dev/temporal",
  "invariants/one-entry",
  "workflows/together",
  "plugin/plugin",
  "cli/pending",
  "hostile/bombs",
  "outbound/troubles",
  "hostile/identity",
  "outbound/week",
  "workflows/outcomes",
  "plugin/agents",
  "activities/send-killed",
  "threads/pool",
  "guards/content",
].map((name) => `/test/${name}.test.ts`);

/** The longest first, then the rest: file by file the same in every run. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((one, other) => rank(one.moduleId) - rank(other.moduleId) || compare(one.moduleId, other.moduleId));
  }
}

function rank(path: string): number {
  const at = LONGEST.findIndex((name) => path.endsWith(name));
  return at >= 0 ? at : LONGEST.length;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}
