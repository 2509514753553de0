import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizeIp, parseNetworks, peerKey } from "../../src/smtp/peers.ts";

describe("peers", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::FFFF:c000:0207", "192.0.2.7"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["fe80::1%eth0", "fe80::1"],
  ])("%s is %s", (text, normal) => {
    expect(normalizeIp(text)).toBe(normal);
  });

  it("text that is no address has no normal form", () => {
    for (const text of ["", "unknown", "1.2.3.4.5", "[::1]"]) expect(normalizeIp(text)).toBeNull();
  });

  it("counts an IPv6 customer by /64 and an IPv4 peer by address, however it is written", () => {
    expect(peerKey("2001:db8::1")).toBe(peerKey("2001:db8::ffff:2"));
    expect(peerKey("2001:db8::1")).not.toBe(peerKey("2001:db8:0:1::1"));
    expect(peerKey("::ffff:192.0.2.7")).toBe(peerKey("192.0.2.7"));
    expect(peerKey("192.0.2.7")).not.toBe(peerKey("192.0.2.8"));
  });
});

describe("trusted networks", () => {
  const trusted = parseNetworks(["192.0.2.0/24", "198.51.100.9", "2001:db8::/32", "::ffff:203.0.113.0/120"]);

  it.each(["192.0.2.255", "::ffff:192.0.2.1", "198.51.100.9", "2001:db8:1::5", "203.0.113.77", "::ffff:203.0.113.77"])("%s is in", (ip) => {
    expect(trusted(ip)).toBe(true);
  });

  it.each(["192.0.3.0", "198.51.100.10", "2001:db9::1", "203.0.112.1", "", "unknown", "::"])("`%s` is out", (ip) => {
    expect(trusted(ip)).toBe(false);
  });

  it("an empty list trusts nobody", () => {
    const nobody = parseNetworks([]);
    expect(fc.sample(fc.oneof(fc.ipV4(), fc.ipV6()), 100).filter(nobody)).toEqual([]);
  });

  it.each([
    "",
    "10.1",
    "0x7f.1",
    "010.0.0.1",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "2001:db8::/129",
    "relay.example",
    "*",
  ])("refuses to start with `%s` rather than guess", (text) => {
    expect(() => parseNetworks([text])).toThrow(expect.objectContaining({ code: "invalid_config" }));
  });
});
