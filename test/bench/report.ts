import { cpus, loadavg } from "node:os";
import { holds, type Figure, type Target } from "./measurement.ts";

export interface Result {
  readonly name: string;
  readonly about: string;
  readonly figures: readonly Figure[];
  /** Why it could not be carried out. */
  readonly failure: string | null;
  /** What this machine lacks for it. */
  readonly skipped: string | null;
  /** Load average when it began: what else the machine was doing. */
  readonly load: number;
  readonly seconds: number;
}

export interface Report {
  readonly at: string;
  readonly machine: { readonly cores: number; readonly model: string; readonly load: number; readonly node: string };
  readonly quick: boolean;
  readonly results: readonly (Omit<Result, "figures"> & { readonly figures: readonly (Figure & { readonly holds: boolean | null })[] })[];
}

export function toReport(results: readonly Result[], quick: boolean): Report {
  const [core] = cpus();
  return {
    at: new Date().toISOString(),
    machine: { cores: cpus().length, model: core?.model ?? "unknown", load: loadavg()[0] ?? 0, node: process.version },
    quick,
    results: results.map((result) => ({ ...result, figures: result.figures.map((figure) => ({ ...figure, holds: holds(figure) })) })),
  };
}

/** For people: one table a measurement. */
export function formatTable({ machine, quick, results }: Report): string {
  const head = `${machine.cores} cores (${machine.model}), node ${machine.node}${quick ? ", quick" : ""}`;
  return `${head}\n${results.map(formatResult).join("")}`;
}

function formatResult({ name, about, figures, failure, skipped, load, seconds }: Report["results"][number]): string {
  const title = `\n${name} (${seconds} s, load average ${load.toFixed(1)} before)\n${wrapped(about)}\n`;
  if (failure !== null) return `${title}  could not be measured: ${failure}\n`;
  if (skipped !== null) return `${title}  skipped: ${skipped}\n`;
  const width = Math.max(...figures.map(({ what }) => what.length));
  const rows = figures.map(({ what, value, unit, target, holds: held }) => {
    const bound = target === undefined ? "" : `${formatTarget(target)} ${unit}`.padEnd(20) + (held === true ? "holds" : "DOES NOT HOLD");
    return `  ${what.padEnd(width)}  ${formatNumber(value).padStart(9)} ${unit.padEnd(14)} ${bound}`.trimEnd();
  });
  return `${title}${rows.join("\n")}\n`;
}

function formatTarget(target: Target): string {
  return "least" in target ? `≥ ${target.least}` : `≤ ${target.most}`;
}

function formatNumber(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length > 118) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => `  ${line}`).join("\n");
}
