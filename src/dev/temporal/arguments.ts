import { HOST } from "./port.ts";

/** At most four, all optional for the product (a server of one's own may lack them). */
const SEARCH_ATTRIBUTES = ["PosternTenant", "PosternDirection", "PosternState", "PosternOutcome"];

/** One durable write less per message, each. */
const DYNAMIC_CONFIG = ["system.enableActivityEagerExecution=true", "system.enableEagerWorkflowStart=true"];

/** The default rollback journal costs three quarters of the throughput; FULL keeps what was acknowledged through a power cut. */
const PRAGMAS = ["journal_mode=WAL", "synchronous=FULL"];

export interface ServerSettings {
  readonly port: number;
  /** Port of the web UI; null: none. */
  readonly ui: number | null;
  readonly namespace: string;
  /** File of the database; null: in memory. */
  readonly database: string | null;
}

/** The command line of `temporal server start-dev` for an embedded server. */
export function serverArguments({ port, ui, namespace, database }: ServerSettings): string[] {
  const listen = ["server", "start-dev", "--ip", HOST, "--port", String(port), "--namespace", namespace];
  const view = ui === null ? ["--headless"] : ["--ui-port", String(ui)];
  const attributes = SEARCH_ATTRIBUTES.flatMap((name) => ["--search-attribute", `${name}=Keyword`]);
  const dynamic = DYNAMIC_CONFIG.flatMap((entry) => ["--dynamic-config-value", entry]);
  const pragmas = PRAGMAS.flatMap((pragma) => ["--sqlite-pragma", pragma]);
  const storage = database === null ? [] : ["--db-filename", database, ...pragmas];
  return [...listen, ...view, ...attributes, ...dynamic, ...storage];
}
