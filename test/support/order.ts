import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take longest: those that mostly wait among those that compute, so that these fill what the others leave. */
const LONGEST = [
  "durability/locked-store",
  "durability/postgres",
  "dev/start",
  "durability/crash",
  "hostile/bombs",
  "channels/webhook",
  "durability/outages",
  "workflows/outcomes",
  "package/tarball",
  "channels/killed",
  "hostile/identity",
  "invariants/one-entry",
  "dev/temporal",
  "plugin/agents",
  "workflows/together",
  "plugin/plugin",
  "hostile/dns",
  "activities/send-killed",
  "cli/pending",
  "durability/estate",
  "outbound/troubles",
  "durability/ingest",
  "outbound/week",
  "workflows/forged",
  "threads/pool",
  "guards/content",
  "guards/secrets",
  "store/postgres/start",
  "mail/markdown",
  "activities/send",
  "mail/parse",
  "store/postgres/faults",
  "store/holds.property",
  "transports/smtp",
  "threads/composer/pool",
  "blobs/small-writer",
  "http/stream",
  "store/sqlite",
  "blobs/killed",
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
