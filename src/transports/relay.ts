import { isIP } from "node:net";

/** The next hop of mail that leaves. */
export interface Relay {
  /** Host name as lower-case A-labels, or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** `none` only to this machine itself: what leaves it is encrypted, and the relay's certificate verified. */
  readonly security: "tls" | "starttls" | "none";
  readonly auth: { readonly user: string; readonly password: string } | null;
}

/** This machine, by name or by address. RFC 6761 §6.3 keeps `localhost` for it. */
export function isLoopback(host: string): boolean {
  const address = host.startsWith("::ffff:") ? host.slice("::ffff:".length) : host;
  return address === "localhost" || address === "::1" || (isIP(address) === 4 && address.startsWith("127."));
}

/** For people and logs: the inverse of reading the setting, without the password. */
export function formatRelay({ host, port, security, auth }: Relay): string {
  const user = auth === null ? "" : `${encodeURIComponent(auth.user)}@`;
  return `${security === "tls" ? "smtps" : "smtp"}://${user}${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
