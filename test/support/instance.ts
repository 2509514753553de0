import "./quiet.ts";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { inject } from "vitest";
import { createClient, type Client } from "../../src/cli/client.ts";
import { handOver, type Handover, type Verdict } from "../../src/cli/smtp.ts";
import { loadConfig } from "../../src/config.ts";
import { createTickets } from "../../src/grants/ticket.ts";
import type { Tickets } from "../../src/model/ticket.ts";
import { serve, type Running, type ServeOptions } from "../../src/serve.ts";
import { workflowBundle } from "./bundle.ts";
import type { Signer } from "./signer.ts";
import { zoneOf } from "./signer.ts";

export const ADMIN_KEY = "pst_live_0123456789abcdefghjkmnpqrstvwxyz";

const ANY_PORT = { host: "127.0.0.1", port: 0 };

export interface InstanceOptions {
  /** Whose records the zone file has. */
  readonly signers?: readonly Signer[];
  /** More records, by name and type; a type may be `"TEMPFAIL"`. */
  readonly zone?: Readonly<Record<string, object>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly serve?: Partial<ServeOptions>;
  /** An existing directory to go on in; default: a new one that `close` removes. */
  readonly dataDir?: string;
}

/** A whole Postern in this process, against the test run's Temporal server, on free ports and queues of its own. */
export class Instance {
  readonly running: Running;
  readonly dataDir: string;
  readonly http: Client;
  readonly logs: string[];
  readonly taskQueues: { readonly inbound: string; readonly main: string };
  readonly #records: object;
  readonly #owned: boolean;

  private constructor(
    running: Running,
    dataDir: string,
    logs: string[],
    taskQueues: Instance["taskQueues"],
    records: object,
    owned: boolean,
  ) {
    this.running = running;
    this.dataDir = dataDir;
    this.logs = logs;
    this.taskQueues = taskQueues;
    this.#records = records;
    this.#owned = owned;
    this.http = this.as(ADMIN_KEY);
  }

  static async start(options: InstanceOptions = {}): Promise<Instance> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "postern-test-")));
    const zone = join(dataDir, "zone.json");
    const records = { ...zoneOf(options.signers ?? []), ...options.zone };
    await writeZone(zone, records);
    const logs: string[] = [];
    const taskQueues = options.serve?.taskQueues ?? uniqueQueues();
    const running = await serve(
      { ...loadConfig({ ...settings(dataDir, zone), ...options.env }), smtp: ANY_PORT, http: ANY_PORT },
      {
        temporal: { connection: { address: inject("temporalAddress") }, namespace: "default" },
        bundle: await workflowBundle(),
        log: pino({ level: "debug" }, { write: (line: string) => void logs.push(line) }),
        ...options.serve,
        taskQueues,
      },
    );
    return new Instance(running, dataDir, logs, taskQueues, records, options.dataDir === undefined);
  }

  /** The HTTP door with another key. */
  as(key: string): Client {
    return createClient({ url: this.running.http, key: async () => key, fetch });
  }

  /** The zone as it was at the start, with these records instead of or beside them; for the next message on. */
  publish(records: Readonly<Record<string, object>>): Promise<void> {
    return writeZone(join(this.dataDir, "zone.json"), { ...this.#records, ...records });
  }

  /** A mailbox under a policy; resolves to its id. */
  async mailbox(address: string, policy: object, client = this.http): Promise<string> {
    const [address_local_part, domain] = address.split("@");
    const { id } = await client.send<{ id: string }>("POST", "/v1/mailboxes", { address_local_part, domain, agent_id: "assistant" });
    await client.send("PUT", `/v1/mailboxes/${id}/policy`, policy);
    return id;
  }

  /** An agent's key for one mailbox. */
  async agent(mailbox: string): Promise<Client> {
    const { key } = await this.http.send<{ key: string }>("POST", "/v1/keys", { name: "agent", scopes: ["read"], mailboxes: [mailbox] });
    return this.as(key);
  }

  /** One message through the SMTP port. */
  deliver(mail: Omit<Handover, "bytes" | "helo"> & { readonly bytes: string | Buffer; readonly helo?: string }): Promise<Verdict> {
    return handOver(this.running.smtp, { helo: "client.example", ...mail, bytes: Buffer.from(mail.bytes) });
  }

  /** As the instance itself makes them; of one that made its own secret key. */
  async tickets(): Promise<Tickets> {
    return createTickets((await readFile(join(this.dataDir, "secret.key"), "utf8")).trim());
  }

  async close(): Promise<void> {
    await this.running.close();
    if (this.#owned) await rm(this.dataDir, { recursive: true, force: true });
  }
}

export function uniqueQueues(): { readonly inbound: string; readonly main: string } {
  const name = randomBytes(6).toString("hex");
  return { inbound: `inbound-${name}`, main: `main-${name}` };
}

/** Whole or not at all: a reader may be reading. */
async function writeZone(path: string, records: object): Promise<void> {
  await writeFile(`${path}.tmp`, JSON.stringify(records));
  await rename(`${path}.tmp`, path);
}

function settings(dataDir: string, zone: string): Record<string, string> {
  return {
    POSTERN_DATA: dataDir,
    POSTERN_ADMIN_KEY: ADMIN_KEY,
    POSTERN_TRUSTED_RELAYS: "127.0.0.1",
    POSTERN_DNS_ZONE: zone,
  };
}
