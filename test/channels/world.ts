import { randomBytes } from "node:crypto";
import { Client as Temporal, Connection } from "@temporalio/client";
import { inject } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { Instance, type InstanceOptions } from "../support/instance.ts";
import { makeSigner, sign, write, type Letter } from "../support/signer.ts";
import { Receiver } from "./receiver.ts";

export const acme = makeSigner("acme.example", "192.0.2.1", { algorithm: "ed25519" });
export const BOSS = "boss@acme.example";

/** Milliseconds: short, but in the order of the real ones. */
export const SHORT = { firstMs: 50, longestMs: 400, giveUpMs: 1_500 } as const;

export interface Box {
  readonly id: string;
  readonly address: string;
}

export interface Delivery {
  readonly id: string;
  readonly message_id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly status: number | null;
  readonly attempts: number;
  readonly created_at: string;
  readonly ended_at: string | null;
}

export const ANYBODY = {
  defaultAction: "bounce",
  senders: [{ match: { domain: "acme.example" }, capabilities: ["read_calendar", "confirm_meeting"] }],
};

/** A whole instance, and receivers on loopback that it may post to. */
export class ChannelWorld {
  readonly postern: Instance;
  readonly temporal: Temporal;
  readonly #connection: Connection;
  readonly #receivers: Receiver[] = [];

  private constructor(postern: Instance, connection: Connection) {
    this.postern = postern;
    this.#connection = connection;
    this.temporal = new Temporal({ connection });
  }

  static async open({ serve, env, ...options }: InstanceOptions = {}): Promise<ChannelWorld> {
    const postern = await Instance.start({
      signers: [acme],
      env: { POSTERN_WEBHOOK_ALLOW: "127.0.0.1", ...env },
      serve: { dispatching: { ...SHORT, giveUpMs: 60_000 }, ...serve },
      ...options,
    });
    return new ChannelWorld(postern, await Connection.connect({ address: inject("temporalAddress") }));
  }

  async close(): Promise<void> {
    await this.#connection.close();
    await this.postern.close();
    for (const receiver of this.#receivers) await receiver.close();
  }

  async receiver(): Promise<Receiver> {
    const receiver = await Receiver.start();
    this.#receivers.push(receiver);
    return receiver;
  }

  async mailbox(policy: object = ANYBODY, http: Client = this.postern.http): Promise<Box> {
    const address = `agent-${randomBytes(4).toString("hex")}@agents.example`;
    return { id: await this.postern.mailbox(address, policy, http), address };
  }

  async webhook(url: string, http: Client = this.postern.http): Promise<{ readonly id: string; readonly secret: string }> {
    return http.send("POST", "/v1/webhooks", { url });
  }

  async setChannels(box: Box, channels: readonly object[], http: Client = this.postern.http): Promise<void> {
    await http.send("PATCH", `/v1/mailboxes/${box.id}`, { channels });
  }

  /** A mailbox whose mail goes to a receiver of its own. */
  async hooked(policy: object = ANYBODY): Promise<{ box: Box; receiver: Receiver; webhook: { id: string; secret: string } }> {
    const [box, receiver] = [await this.mailbox(policy), await this.receiver()];
    const webhook = await this.webhook(receiver.url);
    await this.setChannels(box, [{ kind: "webhook", webhook_id: webhook.id }]);
    return { box, receiver, webhook };
  }

  async mail({ address }: Box, letter: Partial<Letter> = {}): Promise<void> {
    const bytes = await sign(write({ from: BOSS, to: address, ...letter }), acme);
    await this.postern.deliver({ sender: BOSS, recipient: address, ip: acme.ip, bytes });
  }

  async deliveries(box: Box): Promise<readonly Delivery[]> {
    return (await this.postern.http.get<{ items: Delivery[] }>(`/v1/mailboxes/${box.id}/deliveries`)).items;
  }

  /** The mailbox's only delivery, once it is in this state, for this reason. */
  async delivery(box: Box, state: string, reason?: string): Promise<Delivery> {
    for (;;) {
      const [only] = await this.deliveries(box);
      if (only?.state === state && (reason === undefined || only.reason === reason)) return only;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
