import { definePolicy } from "../define.ts";

/** An assistant: the boss can book, the conflict bot can only report, everybody else is refused. */
export default definePolicy({
  defaultAction: "bounce",
  senders: [
    {
      match: { address: "boss@acme.example", requireDkim: true, requireSpf: true },
      capabilities: ["read_calendar", "propose_meeting", "confirm_meeting"],
      rateLimit: { perHour: 20, perDay: 100 },
      tokenBudget: { perThread: 20_000 },
    },
    {
      match: { address: "notifications@calendar-bot.example", requireDkim: true },
      capabilities: ["ingest_conflict_notice"],
      rateLimit: { perHour: 200 },
    },
  ],
  contentGuards: [{ reject: /ignore (previous|all) instructions/i, reason: "prompt_injection_suspected" }],
  auditLog: { retentionDays: 90, includeBodyHash: true },
});
