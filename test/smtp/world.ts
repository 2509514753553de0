import { createUses } from "../../src/blobs/uses.ts";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Registry } from "prom-client";
import type { Blobs } from "../../src/blobs/blobs.ts";
import { createFileBlobs } from "../../src/blobs/fs.ts";
import type { Answer } from "../../src/gate.ts";
import type { MailReader } from "../../src/mail/reader.ts";
import { makeId, type Id, type MailboxId, type TenantId } from "../../src/model/ids.ts";
import type { InboundInput } from "../../src/model/message.ts";
import type { SmtpDeps } from "../../src/smtp/deps.ts";
import { type SmtpListener, type SmtpOptions, startSmtp } from "../../src/smtp/start.ts";
import type { Store } from "../../src/store/contract.ts";
import { createSqliteStore } from "../../src/store/sqlite/store.ts";
import { SmtpClient } from "../support/smtp-client.ts";
import { decided } from "./decisions.ts";

/** A gate that answers as told and remembers what it was asked. */
export interface TestGate {
  readonly received: InboundInput[];
  receive(input: InboundInput, deadlineMs: number): Promise<Answer>;
}

export function gateThat(answer: (input: InboundInput, deadlineMs: number) => Answer | Promise<Answer>): TestGate {
  const received: InboundInput[] = [];
  return {
    received,
    async receive(input, deadlineMs) {
      received.push(input);
      return await answer(input, deadlineMs);
    },
  };
}

export function delivering(): TestGate {
  return gateThat(({ message }) => decided("delivered", message));
}

export interface Opened {
  readonly listener: SmtpListener;
  readonly port: number;
  readonly gate: TestGate;
  readonly registry: Registry;
  /** Every log call, as JSON. */
  readonly logged: string[];
  client(helo?: string): Promise<SmtpClient>;
}

export interface OpenOptions extends Partial<Omit<SmtpOptions, "deps">> {
  readonly gate?: TestGate;
  readonly inspect?: MailReader["inspect"];
  readonly freeBytes?: SmtpDeps["freeBytes"];
  readonly store?: SmtpDeps["store"];
  readonly blobs?: Blobs;
}

/** Real store and real blobs for the doors of one test file. */
export class World {
  readonly root: string;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly #doors: SmtpListener[] = [];

  private constructor(root: string, store: Store, blobs: Blobs) {
    this.root = root;
    this.store = store;
    this.blobs = blobs;
  }

  static async create(): Promise<World> {
    const root = await mkdtemp(join(tmpdir(), "postern-smtp-"));
    const store = await createSqliteStore({ path: join(root, "store.db") });
    return new World(root, store, await createFileBlobs(join(root, "blobs"), Date.now));
  }

  async destroy(): Promise<void> {
    await this.closeDoors();
    await this.store.close();
    await rm(this.root, { recursive: true });
  }

  async closeDoors(): Promise<void> {
    await Promise.all(this.#doors.splice(0).map((door) => door.close()));
  }

  async tenant(name: string): Promise<TenantId> {
    const id = fresh("ten");
    await this.store.run("tenants.create", { id, name, at: Date.now() });
    return id;
  }

  async mailbox(tenant: TenantId, address: string, ...aliases: readonly string[]): Promise<MailboxId> {
    const mailbox = fresh("mbx");
    const named = (text: string) => ({
      tenant,
      address: text,
      domain: text.slice(text.indexOf("@") + 1),
      address_id: fresh("adr"),
      domain_id: fresh("dom"),
      at: 1,
    });
    await this.store.run("mailboxes.create", { id: mailbox, agent_id: "agent", ...named(address) });
    for (const alias of aliases) await this.store.run("mailboxes.add_alias", { mailbox, ...named(alias) });
    return mailbox;
  }

  /** A door of its own for one test; 127.0.0.1 is no trusted relay unless the test says so. */
  async open(options: OpenOptions = {}): Promise<Opened> {
    const gate = options.gate ?? delivering();
    const registry = new Registry();
    const logged: string[] = [];
    const log = (facts: object, text: string): void => void logged.push(JSON.stringify({ ...facts, text }));
    const deps: SmtpDeps = {
      store: options.store ?? this.store,
      blobs: options.blobs ?? this.blobs,
      uses: createUses(),
      gate,
      reader: { inspect: options.inspect ?? (() => Promise.resolve(null)) },
      freeBytes: options.freeBytes ?? (() => Promise.resolve(Number.MAX_SAFE_INTEGER)),
      clock: Date.now,
      random: randomBytes,
      log: { info: log, warn: log, error: log },
      metrics: registry,
    };
    const listener = await startSmtp({ host: "127.0.0.1", port: 0, trustedRelays: [], name: "mx.acme.example", ...options, deps });
    this.#doors.push(listener);
    const { port } = listener.address;
    return { listener, port, gate, registry, logged, client: (helo) => SmtpClient.open(port, helo) };
  }

  /** Names of unfinished blobs. */
  async temporaryFiles(): Promise<readonly string[]> {
    return await readdir(join(this.root, "blobs", "incoming"));
  }
}

function fresh<P extends "ten" | "mbx" | "adr" | "dom">(prefix: P): Id<P> {
  return makeId(prefix, randomBytes(16));
}

/** Waits for a condition that something else brings about. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("the condition did not come about");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
