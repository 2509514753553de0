import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, most of it waiting: they are begun first, so that the rest fills what they leave. */
const LONGEST = [
  "durability/postgres",
  "durability/locked-store",
  "dev/start",
  "durability/outages",
  "durability/crash",
  "package/tarball",
  "invariants/one-entry",
  "channels/webhook",
  "channels/killed",
  "plugin/plugin",
  "plugin/agents",
  "activities/send-killed",
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
