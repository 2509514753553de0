import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { formatTable, toReport, type Result } from "./report.ts";
import type { Measurement, Terms } from "./measurement.ts";
import { accept } from "./accept.ts";
import { gateOn } from "./gate.ts";
import { guards } from "./guards.ts";
import { hostile } from "./hostile.ts";
import { pending } from "./pending.ts";
import { sending } from "./sending.ts";
import { waiting } from "./waiting.ts";
import { wholePathOn } from "./whole-path.ts";
import { workers } from "./workers.ts";

const EMBEDDED: readonly Measurement[] = [
  ...[wholePathOn("sqlite"), sending, pending, waiting],
  ...[gateOn("sqlite"), accept, hostile, guards],
];
/** In turns with the same on the embedded store, so that both are of one machine and hour. */
const BESIDE: readonly Measurement[] = [wholePathOn("sqlite"), wholePathOn("postgres"), gateOn("sqlite"), gateOn("postgres"), workers];

const USAGE = `npm run bench -- [--postgres] [--only NAME]… [--quick] [--json] [--out FILE]
  --postgres    instead: ${BESIDE.map(({ name }) => name).join(", ")}, on a PostgreSQL server of their own
  --only NAME   one of ${EMBEDDED.map(({ name }) => name).join(", ")}, or of those; may be repeated
  --quick       fewer and shorter rounds
  --json        the report as JSON instead of the table
  --out FILE    writes the JSON there as well`;

const { values } = parseArgs({
  options: {
    postgres: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

const MEASUREMENTS = values.postgres ? BESIDE : EMBEDDED;
const unknown = values.only.filter((name) => MEASUREMENTS.every((measurement) => measurement.name !== name));
if (values.help || unknown.length > 0) {
  console.error(unknown.length > 0 ? `no measurement \`${unknown.join("`, `")}\`\n${USAGE}` : USAGE);
  process.exit(values.help ? 0 : 2);
}

const terms: Terms = { quick: values.quick, say: (text) => void process.stderr.write(`${text}\n`) };
const chosen = MEASUREMENTS.filter(({ name }) => values.only.length === 0 || values.only.includes(name));
const results: Result[] = [];
for (const measurement of chosen) results.push(await carryOut(measurement));

const report = toReport(results, values.quick);
const json = `${JSON.stringify(report, null, 2)}\n`;
if (values.out !== undefined) await writeFile(values.out, json);
process.stdout.write(values.json ? json : formatTable(report));
process.exit(results.some(({ failure }) => failure !== null) ? 1 : 0);

async function carryOut({ name, about, run }: Measurement): Promise<Result> {
  const load = loadavg()[0] ?? 0;
  const started = performance.now();
  const outcome = await run(terms).then(
    (seen) => ("skipped" in seen ? { figures: [], skipped: seen.skipped, failure: null } : { figures: seen, skipped: null, failure: null }),
    (error) => ({ figures: [], skipped: null, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
  return { name, about, load, ...outcome, seconds: Math.round((performance.now() - started) / 1000) };
}
