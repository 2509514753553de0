import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "../../src/cli/client.ts";
import { startTemporal } from "../../src/dev/temporal.ts";
import { SOAKED_ENVIRONMENT } from "../support/environment.ts";
import { createDatabase } from "../support/postgres/database.ts";
import { freePort, startPostgres, type PostgresServer } from "../support/postgres/server.ts";
import { startGateway, type Gateway } from "../support/s3-gateway.ts";
import { type Signer, zoneOf } from "../support/signer.ts";
import { startSqlTemporal, type SqlPrograms, type SqlTemporal } from "../support/sql-temporal.ts";
import type { Random } from "./random.ts";
import { clientOf } from "./doors.ts";
import { Service } from "./service.ts";

const ADMIN_KEY = "pst_live_0123456789abcdefghjkmnpqrstvwxyz";
const SECRET_KEY = Buffer.alloc(32, 7).toString("base64");

export interface EstateOptions {
  /** Path of the `temporal` CLI, which has its state in a file; or the programs of the server that has it in the estate's PostgreSQL. */
  readonly executable: string | SqlPrograms;
  /** Path of the S3-compatible server. */
  readonly bucket: string;
  /** File with the workflow bundle as JSON. */
  readonly bundle: string;
  readonly signers: readonly Signer[];
  readonly gateways: number;
  readonly workers: number;
  /** More `POSTERN_*`, for every process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Process ids of what is running. */
export interface Pids {
  readonly temporal: number;
  /** Of what PostgreSQL's processes descend from. */
  readonly postgres: number;
  readonly bucket: number;
  readonly gateways: readonly number[];
  readonly workers: readonly number[];
}

/** Several processes on one PostgreSQL, one bucket and one Temporal server, each of which can be killed and started again. */
export class Estate {
  readonly gateways: Promise<Service>[] = [];
  readonly workers: Promise<Service>[] = [];
  readonly postgres: PostgresServer;
  readonly bucket: Gateway;
  /** The embedded one is not killed here. */
  readonly temporal: Pick<SqlTemporal, "address" | "pid" | "stop"> & Partial<Pick<SqlTemporal, "crash">>;
  readonly url: string;
  readonly #home: string;
  readonly #bundle: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #past: Service[] = [];
  #processes = 0;

  private constructor(
    { home, bundle, env }: { readonly home: string; readonly bundle: string; readonly env: Readonly<Record<string, string>> },
    parts: { readonly postgres: PostgresServer; readonly bucket: Gateway; readonly temporal: Estate["temporal"]; readonly url: string },
  ) {
    this.#home = home;
    this.#bundle = bundle;
    this.#env = env;
    this.postgres = parts.postgres;
    this.bucket = parts.bucket;
    this.temporal = parts.temporal;
    this.url = parts.url;
  }

  static async start({ executable, bucket, bundle, signers, gateways, workers, env = {} }: EstateOptions): Promise<Estate> {
    const home = await mkdtemp(join(tmpdir(), "postern-estate-"));
    const zone = join(home, "zone.json");
    await writeFile(zone, JSON.stringify(zoneOf(signers)));
    const server = startPostgres();
    const [postgres, objects, temporal] = await Promise.all([server, startGateway(bucket), serveTemporal(executable, home, server)]);
    const { url } = await createDatabase(postgres.url, null);
    const { endpoint, bucket: name, prefix, region, accessKeyId, secretAccessKey } = objects.settings();
    const settings = {
      POSTERN_DATABASE_URL: url,
      POSTERN_BLOBS: `s3://${name}/${prefix}?endpoint=${encodeURIComponent(endpoint)}&region=${region}`,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      POSTERN_SECRET_KEY: SECRET_KEY,
      POSTERN_TRUSTED_RELAYS: "127.0.0.1",
      POSTERN_DNS_ZONE: zone,
      TEMPORAL_ADDRESS: temporal.address,
      ...env,
    };
    const estate = new Estate({ home, bundle, env: settings }, { postgres, bucket: objects, temporal, url });
    // All at once, on an empty database: whoever is first makes the tables.
    for (let n = 0; n < workers; n += 1) estate.workers.push(estate.#begin("worker"));
    for (let n = 0; n < gateways; n += 1) estate.gateways.push(estate.#begin("gateway"));
    try {
      await Promise.all([...estate.workers, ...estate.gateways]);
    } catch (error) {
      await estate.close();
      throw error;
    }
    return estate;
  }

  /** SIGKILL of one process of a kind, then another in its place. Resolves when that listens. */
  async crash(kind: "gateways" | "workers", index: number): Promise<void> {
    const dying = await this[kind][index]!;
    const next = dying.kill().then(() => this.#begin(kind === "gateways" ? "gateway" : "worker"));
    this[kind][index] = next;
    await next;
  }

  /** SIGTERM, then another in its place, as a rolling restart does. Resolves to how it ended when the next one listens. */
  async replace(kind: "gateways" | "workers", index: number): Promise<number | null> {
    const old = await this[kind][index]!;
    const ended = old.stop();
    const next = ended.then(() => this.#begin(kind === "gateways" ? "gateway" : "worker"));
    this[kind][index] = next;
    await next;
    return (await ended).code;
  }

  /** One worker more; resolves when it works. */
  async startWorker(): Promise<void> {
    const worker = this.#begin("worker");
    this.workers.push(worker);
    await worker;
  }

  /** SIGTERM to the worker that was started last, and none in its place. Resolves to how it ended. */
  async stopWorker(): Promise<number | null> {
    const worker = this.workers.pop();
    if (worker === undefined) throw new Error("no worker is left");
    return (await (await worker).stop()).code;
  }

  /** Waits for what is being started. */
  async pids(): Promise<Pids> {
    const [gateways, workers] = await Promise.all([Promise.all(this.gateways), Promise.all(this.workers)]);
    const bucket = this.bucket.pid();
    if (bucket === null) throw new Error("the bucket is stopped");
    return {
      temporal: this.temporal.pid,
      postgres: this.postgres.pid(),
      bucket,
      gateways: gateways.map(({ pid }) => pid),
      workers: workers.map(({ pid }) => pid),
    };
  }

  /** Any gateway, as a balancer gives one; waits while it is being started again. */
  async gateway(random: Random): Promise<Service> {
    return this.gateways[Math.floor(random.next() * this.gateways.length)]!;
  }

  as(key: string, index = 0): Client {
    return clientOf(() => this.gateways[index]!, key);
  }

  get admin(): Client {
    return this.as(ADMIN_KEY);
  }

  /** Log lines of all processes so far, warn and above. */
  get log(): readonly string[] {
    return this.#past.flatMap(({ log }) => log);
  }

  async close(): Promise<void> {
    const processes = await Promise.allSettled([...this.gateways, ...this.workers]);
    await Promise.all(processes.flatMap((process) => (process.status === "fulfilled" ? [process.value.kill()] : [])));
    await this.temporal.stop();
    await this.bucket.close();
    await this.postgres.stop();
    await rm(this.#home, { recursive: true, force: true });
  }

  async #begin(role: "gateway" | "worker"): Promise<Service> {
    const admin = role === "gateway" ? { POSTERN_ADMIN_KEY: ADMIN_KEY } : {};
    // Nothing of one process's directory is another's.
    const dataDir = join(this.#home, `${role}-${(this.#processes += 1)}`);
    const env = { ...this.#env, ...admin, POSTERN_ROLE: role, POSTERN_DATA: dataDir, POSTERN_HTTP: `127.0.0.1:${await freePort()}` };
    const service = await Service.start({ env, temporal: this.temporal.address, bundle: this.#bundle }, SOAKED_ENVIRONMENT);
    this.#past.push(service);
    return service;
  }
}

async function serveTemporal(
  executable: string | SqlPrograms,
  home: string,
  postgres: Promise<PostgresServer>,
): Promise<Estate["temporal"]> {
  if (typeof executable === "string") return startTemporal({ executable, dataDir: home });
  return startSqlTemporal(executable, (await postgres).url);
}
