import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { formatTable, toReport, type Result } from "./report.ts";
import type { Measurement, Terms } from "./measurement.ts";
import { accept } from "./accept.ts";
import { gate } from "./gate.ts";
import { guards } from "./guards.ts";
import { hostile } from "./hostile.ts";
import { pending } from "./pending.ts";
import { sending } from "./sending.ts";
import { waiting } from "./waiting.ts";
import { wholePath } from "./whole-path.ts";

const MEASUREMENTS: readonly Measurement[] = [wholePath, sending, pending, waiting, gate, accept, hostile, guards];

const USAGE = `npm run bench -- [--only NAME]… [--quick] [--json] [--out FILE]
  --only NAME   one of ${MEASUREMENTS.map(({ name }) => name).join(", ")}; may be repeated
  --quick       fewer and shorter rounds
  --json        the report as JSON instead of the table
  --out FILE    writes the JSON there as well`;

const { values } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    out: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

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
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  try {
    return { name, about, load, figures: await run(terms), failure: null, seconds: seconds() };
  } catch (error) {
    return {
      name,
      about,
      load,
      figures: [],
      failure: error instanceof Error ? (error.stack ?? error.message) : String(error),
      seconds: seconds(),
    };
  }
}
