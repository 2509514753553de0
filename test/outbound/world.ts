import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Client as Temporal, Connection } from "@temporalio/client";
import { inject } from "vitest";
import type { Client } from "../../src/cli/client.ts";
import { PosternError } from "../../src/model/errors.ts";
import { outboundWorkflowId } from "../../src/model/ids.ts";
import type { Mode } from "../../src/model/outbound.ts";
import { ADMIN_KEY, Instance, type InstanceOptions } from "../support/instance.ts";
import { SmtpPeer, type PeerScript } from "../support/smtp-peer.ts";

/** Milliseconds between two looks at what moves by itself; without them the looking is most of what the machine does. */
export const LOOK_MS = 50;

/** A draft as the HTTP door shows it; what tests read of it. */
export interface Draft {
  readonly id: `drf_${string}`;
  readonly message_id: string;
  readonly thread_id: string;
  readonly status: string;
  readonly reason: string;
  readonly revision: number;
  readonly content_hash: string;
  readonly decision_id: string;
  readonly deliveries: readonly { readonly recipient: string; readonly state: string; readonly code: number | null }[];
}

/** Somebody with a key. */
export interface Person extends Client {
  readonly keyId: string;
  readonly key: string;
}

export interface Mailbox {
  readonly id: string;
  readonly address: string;
  readonly agent: Person;
}

/** A whole instance whose relay is a scriptable SMTP server, and people with keys. */
export class OutboundWorld {
  readonly postern: Instance;
  readonly peer: SmtpPeer;
  readonly temporal: Temporal;
  readonly #connection: Connection;

  private constructor(postern: Instance, peer: SmtpPeer, connection: Connection) {
    this.postern = postern;
    this.peer = peer;
    this.#connection = connection;
    this.temporal = new Temporal({ connection });
  }

  static async open(options: InstanceOptions & { readonly script?: PeerScript } = {}): Promise<OutboundWorld> {
    const peer = await SmtpPeer.start(options.script === undefined ? {} : { script: options.script });
    const postern = await Instance.start({ ...options, env: { POSTERN_RELAY: `smtp://127.0.0.1:${peer.port}`, ...options.env } });
    return new OutboundWorld(postern, peer, await Connection.connect({ address: inject("temporalAddress") }));
  }

  async close(): Promise<void> {
    await this.#connection.close();
    await this.postern.close();
    await this.peer.close();
  }

  /** A mailbox in a mode under an outbound section, with its agent. */
  async mailbox(mode: Mode, outbound: object = {}, inbound: object = {}): Promise<Mailbox> {
    const address = `agent-${randomBytes(4).toString("hex")}@acme.example`;
    const policy = { defaultAction: "bounce", senders: [], ...inbound, outbound };
    const id = await this.postern.mailbox(address, policy);
    await this.mode(id, mode, mode === "monitored" ? { oversight_address: OVERSEER } : {});
    return { id, address, agent: await this.person(["read", "send"], [id]) };
  }

  /** By an operator's code where the mode goes up. */
  async mode(mailbox: string, oversight_mode: Mode, more: object = {}): Promise<void> {
    const { mode_code } = await this.postern.http.send<{ mode_code: string }>("POST", `/v1/mailboxes/${mailbox}/mode-code`, {
      oversight_mode,
    });
    await this.patch(mailbox, { oversight_mode, mode_code, ...more });
  }

  async patch(mailbox: string, change: object): Promise<Response> {
    return this.request("PATCH", `/v1/mailboxes/${mailbox}`, change);
  }

  async person(scopes: readonly string[], mailboxes?: readonly string[]): Promise<Person> {
    const made = await this.postern.http.send<{ id: string; key: string }>("POST", "/v1/keys", {
      name: scopes.join(" "),
      scopes,
      ...(mailboxes === undefined ? {} : { mailboxes }),
    });
    return Object.assign(this.postern.as(made.key), { keyId: made.id, key: made.key });
  }

  /** As it is answered, headers and all. */
  async request(
    method: string,
    path: string,
    body: object | undefined,
    key = ADMIN_KEY,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(this.postern.running.http + path, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  send({ id, agent }: Mailbox, more: object = {}): Promise<Draft> {
    return agent.send<Draft>("POST", `/v1/mailboxes/${id}/send`, { ...LETTER, ...more });
  }

  draft({ agent }: Mailbox, { id }: Pick<Draft, "id">): Promise<Draft> {
    return agent.get<Draft>(`/v1/drafts/${id}`);
  }

  /** Resolves when the draft's workflow has ended; with its result. */
  async ended({ id }: Pick<Draft, "id">): Promise<{ readonly state: string }> {
    return this.temporal.workflow.getHandle(outboundWorkflowId(id)).result() as Promise<{ state: string }>;
  }

  /** Resolves when the draft is in one of these states. Moves are heard of by asking again, as an agent does. */
  async until(mailbox: Mailbox, draft: Pick<Draft, "id">, ...states: readonly string[]): Promise<Draft> {
    for (;;) {
      const now = await this.draft(mailbox, draft);
      if (states.includes(now.status)) return now;
      await pause(LOOK_MS);
    }
  }
}

/** Who gets the copies of monitored mailboxes. */
export const OVERSEER = "overseer@acme-people.example";

export const LETTER = { to: ["boss@elsewhere.example"], subject: "Friday at noon", markdown: "Shall we meet on **Friday**?" };

/** The code a call is refused with. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof PosternError) return error.code;
    throw error;
  }
  return "accepted";
}
