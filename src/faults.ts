import { Counter, type Registry } from "prom-client";

/** Faults of steps, by step and code: neither has anything of a message in it, and of both there are few. */
export function countFaults(registry: Registry): (fault: { readonly activity: string; readonly code: string }) => void {
  const faults = new Counter({
    name: "postern_faults_total",
    help: "Steps of judgements, deliveries and sending that failed, by step and code.",
    labelNames: ["activity", "code"],
    registers: [registry],
  });
  return ({ activity, code }) => faults.inc({ activity, code });
}
