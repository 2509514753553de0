import { gate } from "./0001-gate.ts";
import { outbound } from "./0002-outbound.ts";
import { channels } from "./0003-channels.ts";
import { waysIn } from "./0004-ways-in.ts";
import { auditReading } from "./0005-audit-reading.ts";
import { claims } from "./0006-claims.ts";
import { sendsByMinute } from "./0007-sends-by-minute.ts";
import { sendCarriers } from "./0008-send-carriers.ts";
import type { Migration } from "./migration.ts";

/** Every migration, oldest first. Append only. */
export const MIGRATIONS: readonly Migration[] = [gate, outbound, channels, waysIn, auditReading, claims, sendsByMinute, sendCarriers];
