import type { Registry } from "prom-client";
import type { IntakeDeps, IntakeLog } from "../intake/deps.ts";

/** What the SMTP and the LMTP door stand on; the real ones are chosen in a composition root. */
export interface SmtpDeps extends IntakeDeps {
  readonly log: SmtpLog;
  readonly metrics: Registry;
}

/** Of pino's shape. */
export interface SmtpLog extends IntakeLog {
  warn(facts: Readonly<Record<string, unknown>>, text: string): void;
}
