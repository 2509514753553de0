import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Verdict } from "../intake/verdict.ts";
import type { Protocol } from "./transaction.ts";

/** Numbers of the door. Labels are reply codes and verdicts only: a label is kept for ever and read by many. */
export interface SmtpMetrics {
  connections(open: number): void;
  turnedAway(): void;
  replied(code: number): void;
  /** A message taken to its end: judged, or ended by the door (`protocol`). Seconds from the final dot to the answer. */
  answered(verdict: Verdict | "protocol", seconds: number): void;
}

const NAME = { smtp: "SMTP", lmtp: "LMTP" } as const;

/** One door of a protocol per registry. */
export function createSmtpMetrics(registry: Registry, protocol: Protocol): SmtpMetrics {
  const registers = [registry];
  const connections = new Gauge({ name: `postern_${protocol}_connections`, help: `Open ${NAME[protocol]} connections.`, registers });
  const turnedAway = new Counter({
    name: `postern_${protocol}_connections_refused_total`,
    help: `${NAME[protocol]} connections refused for a limit.`,
    registers,
  });
  const replies = new Counter({
    name: `postern_${protocol}_replies_total`,
    help: `${NAME[protocol]} replies by code.`,
    labelNames: ["code"],
    registers,
  });
  const answers = new Histogram({
    name: `postern_${protocol}_answer_seconds`,
    help: "Seconds from the final dot to the answer, by verdict.",
    labelNames: ["verdict"],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  return {
    connections: (open) => connections.set(open),
    turnedAway: () => turnedAway.inc(),
    replied: (code) => replies.inc({ code: String(code) }),
    answered: (verdict, seconds) => answers.observe({ verdict }, seconds),
  };
}
