import type net from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { formatReply, type Reply, REPLY } from "./answers.ts";
import { Connection, type ConnectionTerms } from "./connection.ts";
import type { SmtpLimits } from "./limits.ts";
import type { SmtpMetrics } from "./metrics.ts";
import { peerKey } from "./peers.ts";
import type { Protocol } from "./transaction.ts";
import { createSlots, type Slots } from "../intake/slots.ts";

/** Milliseconds a peer that is turned away has to read why. */
const TURN_AWAY_MS = 1_000;

/** Certificate and key of the operator, PEM. */
export interface SmtpTls {
  readonly key: string | Buffer;
  readonly cert: string | Buffer;
}

export interface DoorTerms {
  readonly name: string;
  readonly limits: SmtpLimits;
  readonly protocol: Protocol;
  readonly trusted: (ip: string) => boolean;
  readonly tls: SmtpTls | undefined;
  readonly metrics: SmtpMetrics;
  readonly handlers: Required<Pick<SMTPServerOptions, "onMailFrom" | "onRcptTo" | "onData">>;
}

/** The listening side: who may come in, and how many at once. */
export class Door extends SMTPServer {
  readonly #terms: DoorTerms;
  readonly #places: Slots;
  readonly #sockets = new Set<net.Socket>();

  constructor(terms: DoorTerms) {
    super(optionsOf(terms));
    const { connections, connectionsPerPeer } = terms.limits;
    this.#terms = terms;
    this.#places = createSlots({ total: connections, perKey: connectionsPerPeer });
    // Peers being told that there is no place hold a socket too; beyond twice the places nobody is told.
    this.server.maxConnections = 2 * connections;
  }

  override connect(socket: net.Socket, options: SMTPConnectionOptions): void {
    const ip = socket.remoteAddress ?? "";
    const exempt = this.#terms.trusted(ip);
    const place = this.#places.take(exempt ? null : peerKey(ip));
    if (place === null) return this.#turnAway(socket);
    if (socket.destroyed) return place();
    this.#sockets.add(socket);
    this.#admit(socket, options, place);
  }

  /** Closing time for whoever is not in the middle of something. */
  dismissIdle(): void {
    for (const connection of this.connections) if (connection instanceof Connection) connection.dismissIfIdle();
  }

  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #admit(socket: net.Socket, options: SMTPConnectionOptions, place: () => void): void {
    const { limits, protocol, trusted, metrics } = this.#terms;
    const gone = (): void => {
      place();
      this.#sockets.delete(socket);
      metrics.connections(this.#places.busy);
    };
    const terms: ConnectionTerms = { limits, protocol, trusted, replied: metrics.replied, gone };
    const connection = new Connection(this, socket, options, terms);
    this.connections.add(connection);
    connection.on("error", (error) => this.emit("error", error));
    metrics.connections(this.#places.busy);
    connection.init();
  }

  #turnAway(socket: net.Socket): void {
    const reply: Reply = this.#places.busy >= this.#terms.limits.connections ? REPLY.full : REPLY.peerBusy;
    this.#terms.metrics.turnedAway();
    this.#terms.metrics.replied(reply.code);
    socket.on("error", () => {});
    socket.end(`${formatReply(reply)}\r\n`);
    // Whatever the peer sends is read and dropped, or its FIN would never be seen.
    socket.resume();
    const cut = setTimeout(() => socket.destroy(), TURN_AWAY_MS).unref();
    socket.once("close", () => clearTimeout(cut));
  }
}

function optionsOf({ name, limits, protocol, tls, handlers }: DoorTerms): SMTPServerOptions {
  return {
    name,
    lmtp: protocol === "lmtp",
    heloResponse: "%s",
    size: limits.size,
    maxRecipients: limits.recipients,
    socketTimeout: limits.idleMs,
    closeTimeout: limits.drainMs,
    hideENHANCEDSTATUSCODES: false,
    hideSMTPUTF8: true,
    disableReverseLookup: true,
    logger: false,
    // The library's own certificate has a public key: without the operator's there is no STARTTLS at all.
    disabledCommands: tls === undefined ? [...DISABLED, "STARTTLS"] : DISABLED,
    ...(tls === undefined ? {} : { key: tls.key, cert: tls.cert, minVersion: "TLSv1.2" as const }),
    onConnect: (_session, callback) => callback(),
    ...handlers,
  };
}

const DISABLED = ["AUTH", "WIZ", "SHELL", "KILL"];
