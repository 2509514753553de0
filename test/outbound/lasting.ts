import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client as Temporal, Connection } from "@temporalio/client";
import { inject } from "vitest";
import { ADMIN_KEY, Instance, uniqueQueues, type InstanceOptions } from "../support/instance.ts";
import { SmtpPeer } from "../support/smtp-peer.ts";

/** An answer as it came; status 0: nobody answered, because the service was away. */
export interface Answered {
  readonly status: number;
  readonly json: any;
}

/** An instance that ends and begins again in one directory and on the same queues, with its next hop and Temporal staying. */
export class LastingWorld {
  readonly dataDir: string;
  readonly peer: SmtpPeer;
  readonly temporal: Temporal;
  readonly #connection: Connection;
  readonly #options: InstanceOptions;
  #instance: Promise<Instance>;

  private constructor(dataDir: string, peer: SmtpPeer, connection: Connection) {
    this.dataDir = dataDir;
    this.peer = peer;
    this.#connection = connection;
    this.temporal = new Temporal({ connection });
    const env = { POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}` };
    this.#options = { dataDir, env, serve: { retryMs: 50, taskQueues: uniqueQueues() } };
    this.#instance = Instance.start(this.#options);
  }

  static async open(): Promise<LastingWorld> {
    const dataDir = await mkdtemp(join(tmpdir(), "postern-lasting-"));
    const world = new LastingWorld(dataDir, await SmtpPeer.start(), await Connection.connect({ address: inject("temporalAddress") }));
    await world.instance();
    return world;
  }

  /** The one that runs, or is about to. */
  instance(): Promise<Instance> {
    return this.#instance;
  }

  /** Workers and doors shut down, and begin again. Calls in between find nobody, or wait. */
  async restart(): Promise<void> {
    const ending = this.#instance;
    this.#instance = ending.then((instance) => instance.close()).then(() => Instance.start(this.#options));
    await this.#instance;
  }

  async ask(method: string, path: string, body: object | undefined, key: string = ADMIN_KEY): Promise<Answered> {
    const { running, logs } = await this.#instance;
    try {
      const response = await fetch(running.http + path, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const json = (await response.json()) as { readonly request_id?: string };
      // Whoever reads of it has to find out.
      if (response.status === 500) return { status: 500, json: { ...json, log: logs.filter((line) => line.includes(json.request_id!)) } };
      return { status: response.status, json };
    } catch {
      return { status: 0, json: null };
    }
  }

  async close(): Promise<void> {
    await (await this.#instance).close();
    await this.#connection.close();
    await this.peer.close();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
