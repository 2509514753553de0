import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from "node:crypto";
import canonicalize from "canonicalize";
import type { Ticketed, Tickets } from "../model/ticket.ts";

/** Version of the shape: a ticket of one version is none of another. */
const PREFIX = "postern-ticket-v1\n";
const KEY_NAME = "postern-ticket-v1";

/** Of an HMAC-SHA-256 in base64url. */
const LENGTH = 43;

/** Tickets that are remembered, and characters of what each is for: some 4 MB at most. */
const REMEMBERED = { tickets: 1_024, characters: 4_096 };

/**
 * HMAC-SHA-256 over the prefix and the RFC 8785 JSON of type and data, under a key derived from the instance's secret key:
 * processes that have the same accept each other's tickets, and no database is asked.
 *
 * Threat: whoever has `secretKey` can make any ticket. It is random to begin with, so it is expanded, not stretched.
 */
export function createTickets(secretKey: string): Tickets {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", secretKey, "", KEY_NAME, 32)));
  const recent = new Recent();
  const macOf = (type: string, data: object): Buffer =>
    createHmac("sha256", key)
      .update(PREFIX + canonicalize({ type, data })!)
      .digest();
  return {
    sign(type, data) {
      const ticket = macOf(type, data).toString("base64url");
      recent.add(ticket, type, JSON.stringify(data));
      return { ...data, ticket };
    },
    check<T extends object>(type: string, given: Ticketed<T>): T | null {
      if (!isTicketed(given)) return null;
      const { ticket, ...data } = given;
      try {
        const text = JSON.stringify(data);
        if (!recent.has(ticket, type, text)) {
          if (!timingSafeEqual(Buffer.from(ticket, "base64url"), macOf(type, data))) return null;
          recent.add(ticket, type, text);
        }
        return data as unknown as T;
      } catch {
        // No base64url, nested without end, or a string that RFC 8785 §3.2.2.2 has no form for: nothing that we sign.
        return null;
      }
    },
  };
}

/** What another has written may be anything. */
function isTicketed(given: unknown): given is { readonly ticket: string } {
  if (typeof given !== "object" || given === null) return false;
  const { ticket } = given as { readonly ticket?: unknown };
  return typeof ticket === "string" && ticket.length === LENGTH;
}

/** What this process has signed or found right lately: the steps of one run ask about the same several times. */
class Recent {
  readonly #known = new Map<string, { readonly type: string; readonly text: string }>();

  add(ticket: string, type: string, text: string): void {
    if (text.length > REMEMBERED.characters) return;
    const [oldest] = this.#known.size < REMEMBERED.tickets ? [] : this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(ticket, { type, text });
  }

  has(ticket: string, type: string, text: string): boolean {
    const known = this.#known.get(ticket);
    return known?.type === type && known.text === text;
  }
}
