// Entry of a child process: one whole instance, which says where it listens and can be killed.
import { readFile } from "node:fs/promises";
import { loadConfig } from "../../src/config.ts";
import { createLog } from "../../src/log.ts";
import { serve, serveWorker } from "../../src/serve.ts";
import { installTemporalLog } from "../../src/temporal-connection.ts";
import type { ServiceOrders } from "./service.ts";

const ANY_PORT = { host: "127.0.0.1", port: 0 };

const orders = JSON.parse(process.argv[2] as string) as ServiceOrders;
// Whoever ordered us is gone.
process.on("disconnect", () => process.exit(4));
const log = createLog("warn");
installTemporalLog(log);
try {
  const config = { ...loadConfig(orders.env), smtp: ANY_PORT, http: ANY_PORT };
  const temporal = { connection: { address: orders.temporal }, namespace: "default" };
  const options = { temporal, bundle: JSON.parse(await readFile(orders.bundle, "utf8")), log };
  const running = config.role === "worker" ? { ...(await serveWorker(config, options)), smtp: ANY_PORT } : await serve(config, options);
  running.ended.catch(() => process.exit(3));
  process.on("SIGTERM", () => void running.close().then(() => process.exit(0)));
  process.send?.({ smtp: running.smtp, http: running.http });
} catch (error) {
  const refused = error instanceof Error ? error.message : String(error);
  process.send?.({ refused }, () => process.exit(2));
}
