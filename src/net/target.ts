import { isIP } from "node:net";
import { isPublic } from "./address.ts";

/** Characters of a URL. */
const MOST = 2048;

/** Where this instance may post to. */
export interface Targets {
  /** Every address of a host. Rejects when it has none. */
  readonly lookup: Lookup;
  /** Hosts of the operator's own, in lower case: `http`, any port and any address are theirs to answer for. */
  readonly allowed: ReadonlySet<string>;
}

export type Lookup = (host: string) => Promise<readonly string[]>;

/** Why a URL is no target, and the way out. Repeats nothing of it: a path or query may be a secret. */
export interface RefusedTarget {
  readonly refused: "url_refused" | "name_not_found" | "address_refused";
  readonly why: string;
  readonly fix: string;
}

/** The URL's form: `https` to a port that is no other service's. WHATWG parsing has turned every spelling of an IPv4 address into the usual one. */
export function parseTarget({ allowed }: Pick<Targets, "allowed">, text: string): URL | RefusedTarget {
  const url = text.length <= MOST && URL.canParse(text) ? new URL(text) : null;
  if (url === null) return refused("is not a URL", "write for example `https://agent.example.com/mail`");
  if (url.protocol !== "https:" && url.protocol !== "http:") return refused("is not an https URL", "use `https`");
  if (url.username + url.password !== "") return refused("holds a user or password", "leave them out: deliveries are signed");
  if (url.hash !== "") return refused("holds a fragment, which is never sent", "leave out everything from `#` on");
  if (allowed.has(hostOf(url))) return url;
  if (url.protocol !== "https:")
    return refused("is not an https URL", "use `https`, or let the operator name the host in POSTERN_WEBHOOK_ALLOW");
  if (!isOpenPort(url.port)) return refused("names a port of another service", "use 443, or one from 1024 on");
  return url;
}

/** The URL's form and its host's addresses as they are now. They are looked at again at every connection. */
export async function checkTarget(targets: Targets, text: string): Promise<URL | RefusedTarget> {
  const url = parseTarget(targets, text);
  if (!(url instanceof URL) || targets.allowed.has(hostOf(url))) return url;
  try {
    await publicAddresses(targets, hostOf(url));
    return url;
  } catch (error) {
    if (error instanceof AddressRefused) {
      const fix = "use a host on the public Internet, or let the operator name it in POSTERN_WEBHOOK_ALLOW";
      return { refused: "address_refused", why: "leads to an address that is not public", fix };
    }
    return { refused: "name_not_found", why: "names a host that cannot be found", fix: "check its name, and its DNS records" };
  }
}

export class AddressRefused extends Error {}

/** Addresses that may be connected to. INVARIANT: one address that is not public refuses them all, so that none is a matter of luck. */
export async function publicAddresses({ lookup: resolve, allowed }: Targets, host: string): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  if (!allowed.has(host) && !addresses.every(isPublic)) throw new AddressRefused();
  return addresses;
}

/** Without the brackets of IPv6 and without the dot that says that a name is complete. */
export function hostOf({ hostname }: URL): string {
  const bare = hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
  return bare.endsWith(".") ? bare.slice(0, -1) : bare;
}

function isOpenPort(port: string): boolean {
  return port === "" || port === "443" || Number(port) >= 1024;
}

function refused(why: string, fix: string): RefusedTarget {
  return { refused: "url_refused", why, fix };
}
