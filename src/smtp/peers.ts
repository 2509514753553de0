import ipaddr from "ipaddr.js";
import { PosternError } from "../model/errors.ts";

type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

const MAPPED_BITS = 96;

/** One text for one address: IPv4-mapped IPv6 as IPv4, IPv6 compressed and without zone. Null when it is no address. */
export function normalizeIp(text: string): string | null {
  const bare = text.split("%", 1)[0] ?? "";
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : null;
}

/** Whom a bound "per peer" counts: an IPv4 address, or the /64 that one IPv6 customer has. */
export function peerKey(ip: string): string {
  const normal = normalizeIp(ip);
  if (normal === null || !ipaddr.IPv6.isValid(normal)) return normal ?? ip;
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${normal}/64`).toString()}/64`;
}

/** Stands in a list for whoever reaches a unix socket; they have no address. */
const UNIX = "unix";

/**
 * Membership in a list of networks: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`, or `unix`.
 *
 * Threat: whoever is in the list may state any client address (XCLIENT), and SPF believes it. Rejects what it cannot read
 * (`invalid_config`) rather than trust nobody, or everybody, by mistake.
 */
export function parseNetworks(list: readonly string[]): (ip: string) => boolean {
  const networks = list.filter((entry) => entry !== UNIX).map(parseNetwork);
  const unix = list.includes(UNIX);
  return (ip) => {
    if (ip === "") return unix;
    const normal = normalizeIp(ip);
    if (normal === null) return false;
    const address = ipaddr.parse(normal);
    return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
  };
}

function parseNetwork(text: string): Network {
  const [address = "", bits, ...rest] = text.split("/");
  if (rest.length > 0 || !isPlainAddress(address)) throw unreadable(text);
  const parsed = ipaddr.parse(address);
  const length = parsed.kind() === "ipv4" ? 32 : 128;
  const prefix = bits === undefined ? length : wholeNumber(bits);
  if (prefix === null || prefix > length) throw unreadable(text);
  return unmapped(parsed, prefix) ?? [parsed, prefix];
}

/** `::ffff:192.0.2.0/120` is written by people who mean `192.0.2.0/24`. */
function unmapped(address: ipaddr.IPv4 | ipaddr.IPv6, prefix: number): Network | null {
  if (!(address instanceof ipaddr.IPv6) || !address.isIPv4MappedAddress() || prefix < MAPPED_BITS) return null;
  return [address.toIPv4Address(), prefix - MAPPED_BITS];
}

/** No octal, no hexadecimal, no short forms: they read differently elsewhere. */
function isPlainAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(":") && !text.includes("%") && ipaddr.IPv6.isValid(text));
}

function wholeNumber(text: string): number | null {
  const value = Number(text);
  return text !== "" && String(value) === text && Number.isInteger(value) && value >= 0 ? value : null;
}

function unreadable(text: string): PosternError {
  return new PosternError("invalid_config", `trusted relay \`${text}\` is not an IP address or network`, {
    fix: "write addresses like `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`, separated by commas",
  });
}
