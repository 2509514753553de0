import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest, most of it waiting: they are begun first, so that the rest fills what they leave. */
const LONGEST = [
  "dev/start",
  "durability/locked-store",
  "durability/outages",
  "durability/crash",
  "outbound/interleavings",
  "durability/deadline",
  "invariants/one-entry",
  "workflows/paths",
  "activities/send-killed",
  "dev/temporal",
  "outbound/week",
  "cli/serve",
].map((name) => `/test/${name}.test.ts`);

/** The longest first, then what runs a whole instance, then the rest: file by file the same in every run. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((one, other) => rank(one) - rank(other) || compare(one.moduleId, other.moduleId));
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  const at = LONGEST.findIndex((name) => moduleId.endsWith(name));
  return at >= 0 ? at : LONGEST.length + (project.config.isolate ? 0 : 1);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : 1;
}
