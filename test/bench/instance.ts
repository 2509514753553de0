import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { serve, type Running } from "../../src/serve.ts";
import { installTemporalLog } from "../../src/temporal-connection.ts";

export const ADMIN_KEY = "pst_live_0123456789abcdefghjkmnpqrstvwxyz";

export interface InstanceSetup {
  /** Address of the Temporal server. */
  readonly temporal: string;
  readonly dataDir: string;
  readonly zone: object;
  readonly env?: Readonly<Record<string, string>>;
}

/** A whole instance in this process, on free ports; what it logs goes into its directory. */
export async function startInstance({ temporal, dataDir, zone, env = {} }: InstanceSetup): Promise<Running> {
  installTemporalLog(createLog("silent"));
  const zoneFile = join(dataDir, "zone.json");
  await writeFile(zoneFile, JSON.stringify(zone));
  const settings = {
    POSTERN_DATA: dataDir,
    POSTERN_ADMIN_KEY: ADMIN_KEY,
    POSTERN_TRUSTED_RELAYS: "127.0.0.1",
    POSTERN_DNS_ZONE: zoneFile,
    ...env,
  };
  const anyPort = { host: "127.0.0.1", port: 0 };
  const config = { ...loadConfig(settings), smtp: anyPort, http: anyPort };
  const log = createLog(config.logLevel, join(dataDir, "postern.log"));
  return serve(config, { temporal: { connection: { address: temporal }, namespace: "default" }, log });
}
