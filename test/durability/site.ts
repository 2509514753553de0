import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { inject } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { startTemporal, type TemporalServer } from "../../src/dev/temporal.ts";
import { ENVIRONMENT } from "../support/environment.ts";
import { ADMIN_KEY } from "../support/instance.ts";
import { type Signer, zoneOf } from "../support/signer.ts";
import { clientOf, makeAgentKey, makeMailbox } from "./doors.ts";
import { Service } from "./service.ts";

export interface SiteOptions {
  /** Path of the `temporal` CLI. */
  readonly executable: string;
  readonly signers: readonly Signer[];
  /** More `POSTERN_*`. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the service's process has of ours. Default: `ENVIRONMENT`. */
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * One place where Postern runs for real: a data directory, a Temporal server with its database in it, and the service as a
 * process, which can each be killed and started again.
 */
export class Site {
  readonly dataDir: string;
  readonly #executable: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #bundle: string;
  #temporal: Promise<TemporalServer>;
  #service: Promise<Service>;
  readonly #past: Service[] = [];

  private constructor(dataDir: string, { executable, env = {}, environment = ENVIRONMENT }: SiteOptions) {
    this.dataDir = dataDir;
    this.#executable = executable;
    this.#env = env;
    this.#environment = environment;
    this.#bundle = inject("bundleFile")!;
    this.#temporal = this.#startTemporal();
    this.#service = this.#startService();
  }

  static async start({ signers, env, ...options }: SiteOptions): Promise<Site> {
    const dataDir = await mkdtemp(join(tmpdir(), "postern-site-"));
    const zone = join(dataDir, "zone.json");
    await writeFile(zone, JSON.stringify(zoneOf(signers)));
    const settings = {
      POSTERN_DATA: dataDir,
      POSTERN_ADMIN_KEY: ADMIN_KEY,
      POSTERN_TRUSTED_RELAYS: "127.0.0.1",
      POSTERN_DNS_ZONE: zone,
      ...env,
    };
    const site = new Site(dataDir, { ...options, signers, env: settings });
    await site.service();
    return site;
  }

  /** The running service; waits while it is being started again. */
  service(): Promise<Service> {
    return this.#service;
  }

  /** The running Temporal server; waits while it is being started again. */
  temporal(): Promise<TemporalServer> {
    return this.#temporal;
  }

  /** SIGKILL, then a new process on what is left. Resolves when it listens. */
  async crashService(): Promise<void> {
    const dying = await this.#service;
    this.#service = dying.kill().then(() => this.#startService());
    await this.#service;
  }

  /** SIGKILL, after `outageMs` a new server on the same database and port. Resolves when it answers. */
  async crashTemporal(outageMs: number): Promise<void> {
    const dying = await this.#temporal;
    process.kill(dying.pid, "SIGKILL");
    this.#temporal = dying.exited.then(() => delay(outageMs)).then(() => this.#startTemporal());
    await this.#temporal;
  }

  /** SIGKILL. Resolves when the server is gone; `restartTemporal` brings it back. */
  async killTemporal(): Promise<void> {
    const dying = await this.#temporal;
    process.kill(dying.pid, "SIGKILL");
    await dying.exited;
  }

  async restartTemporal(): Promise<void> {
    this.#temporal = this.#startTemporal();
    await this.#temporal;
  }

  /** The machine is gone and comes back. */
  async crashBoth(): Promise<void> {
    const [service, temporal] = await Promise.all([this.#service, this.#temporal]);
    process.kill(temporal.pid, "SIGKILL");
    this.#temporal = temporal.exited.then(() => this.#startTemporal());
    this.#service = service.kill().then(() => this.#startService());
    await this.#service;
  }

  /** SIGTERM to the service. Resolves to how long it took, in milliseconds, and the exit code. */
  async stopService(): Promise<{ readonly ms: number; readonly code: number | null }> {
    const service = await this.#service;
    const from = performance.now();
    const { code } = await service.stop();
    return { ms: performance.now() - from, code };
  }

  /** After `stopService`. Resolves when it listens. */
  async restartService(): Promise<void> {
    this.#service = this.#startService();
    await this.#service;
  }

  /** The HTTP door of the service that runs at each call. */
  as(key: string): Client {
    return clientOf(() => this.service(), key);
  }

  get admin(): Client {
    return this.as(ADMIN_KEY);
  }

  mailbox(address: string, policy: object): Promise<string> {
    return makeMailbox(this.admin, address, policy);
  }

  agentKey(mailbox: string): Promise<string> {
    return makeAgentKey(this.admin, mailbox);
  }

  /** Log lines of all services so far, warn and above. */
  get log(): readonly string[] {
    return this.#past.flatMap(({ log }) => log);
  }

  async close(): Promise<void> {
    const service = await this.#service.catch(() => null);
    await service?.kill();
    const temporal = await this.#temporal.catch(() => null);
    await temporal?.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** One more process on the same directory; the caller's to kill. */
  async secondService(): Promise<Service> {
    const { address } = await this.#temporal;
    return Service.start({ env: this.#env, temporal: address, bundle: this.#bundle }, this.#environment);
  }

  async #startService(): Promise<Service> {
    const service = await this.secondService();
    this.#past.push(service);
    return service;
  }

  #startTemporal(): Promise<TemporalServer> {
    return startTemporal({ executable: this.#executable, dataDir: this.dataDir });
  }
}
