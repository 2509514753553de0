import ipaddr from "ipaddr.js";

/** Public by their range, and yet of a cloud's inside: Azure's wire server answers every machine there. */
const INSIDE: ReadonlySet<string> = new Set(["168.63.129.16"]);

/** RFC 4291 §2.4: nothing else is in use on the public Internet. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/**
 * Whether an address, IPv4 or IPv6 text, is one of the public Internet. Refused with it: private, loopback, link-local (and
 * with it the metadata services), CGNAT, multicast, unspecified, documentation, reserved; and every IPv6 form that carries an
 * IPv4 address inside (mapped, NAT64, 6to4, Teredo), whatever is inside.
 *
 * Threat: whoever may register a webhook chooses whom this machine connects to.
 */
export function isPublic(address: string): boolean {
  // A zone names an interface of this machine.
  if (address.includes("%") || !ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed instanceof ipaddr.IPv6 ? parsed.match(GLOBAL_UNICAST) : !INSIDE.has(parsed.toString());
}
