import { describe, expect, it } from "vitest";
import { isPublic } from "../../src/net/address.ts";
import { checkTarget, parseTarget, type Targets } from "../../src/net/target.ts";

describe("an address of the public Internet", () => {
  it.each(["93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:82b::200e"])("%s is one", (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    ["unspecified", "0.0.0.0"],
    ["this network", "0.1.2.3"],
    ["loopback", "127.0.0.1"],
    ["loopback, elsewhere in it", "127.255.255.254"],
    ["private", "10.0.0.1"],
    ["private", "172.16.0.1"],
    ["private", "172.31.255.255"],
    ["private", "192.168.1.1"],
    ["CGNAT", "100.64.0.1"],
    ["a cloud's metadata in CGNAT", "100.100.100.200"],
    ["link-local", "169.254.0.1"],
    ["metadata", "169.254.169.254"],
    ["Azure's wire server", "168.63.129.16"],
    ["protocol assignments, and Oracle's metadata", "192.0.0.192"],
    ["documentation", "192.0.2.1"],
    ["benchmarking", "198.18.0.1"],
    ["multicast", "224.0.0.1"],
    ["reserved", "240.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["unspecified", "::"],
    ["loopback", "::1"],
    ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
    ["IPv4-mapped loopback, in hex", "::ffff:7f00:1"],
    ["IPv4-mapped, of a public one", "::ffff:8.8.8.8"],
    ["IPv4-compatible", "::127.0.0.1"],
    ["NAT64 of metadata", "64:ff9b::169.254.169.254"],
    ["NAT64, local", "64:ff9b:1::a00:1"],
    ["6to4 of a private one", "2002:a00:1::1"],
    ["Teredo", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    ["unique local", "fc00::1"],
    ["AWS metadata", "fd00:ec2::254"],
    ["link-local", "fe80::1"],
    ["link-local with a zone", "fe80::1%eth0"],
    ["a public one with a zone", "2606:4700:4700::1111%1"],
    ["site-local", "fec0::1"],
    ["multicast", "ff02::1"],
    ["documentation", "2001:db8::1"],
    ["translation", "::ffff:0:127.0.0.1"],
    ["discard", "100::1"],
    ["not allocated", "4000::1"],
    ["no address", "localhost"],
    ["nothing", ""],
  ])("%s is none: %s", (_, address) => {
    expect(isPublic(address)).toBe(false);
  });
});

const HOSTS: Readonly<Record<string, readonly string[]>> = {
  "agent.example.com": ["93.184.215.14", "2606:4700:4700::1111"],
  "half.example.com": ["93.184.215.14", "10.0.0.5"],
  "inside.example.com": ["10.0.0.5"],
  "own.internal": ["10.0.0.6"],
};

const targets: Targets = {
  lookup: async (host) => HOSTS[host] ?? Promise.reject(new Error("ENOTFOUND")),
  allowed: new Set(["own.internal", "127.0.0.1"]),
};

async function refusal(text: string): Promise<string | null> {
  const target = await checkTarget(targets, text);
  return target instanceof URL ? null : target.refused;
}

describe("a webhook's URL", () => {
  it.each([
    "https://agent.example.com/mail?x=1",
    "https://agent.example.com:8443/",
    "https://agent.example.com.:443/",
    "https://AGENT.example.com/",
    "https://93.184.215.14/",
    "https://[2606:4700:4700::1111]/",
    "http://own.internal:25/",
    "http://127.0.0.1:1/",
  ])("may be %s", async (text) => {
    expect(await refusal(text)).toBeNull();
  });

  it.each([
    ["no TLS", "http://agent.example.com/", "url_refused"],
    ["another scheme", "ftp://agent.example.com/", "url_refused"],
    ["a file", "file:///etc/passwd", "url_refused"],
    ["no URL", "agent.example.com", "url_refused"],
    ["a user", "https://user@agent.example.com/", "url_refused"],
    ["a password", "https://user:secret@agent.example.com/", "url_refused"],
    ["a fragment", "https://agent.example.com/#x", "url_refused"],
    ["a port of SSH", "https://agent.example.com:22/", "url_refused"],
    ["a port of SMTP", "https://agent.example.com:25/", "url_refused"],
    ["a zone", "https://[fe80::1%25eth0]/", "url_refused"],
    ["too long", `https://agent.example.com/${"a".repeat(2048)}`, "url_refused"],
    ["a host that is not there", "https://nowhere.example.com/", "name_not_found"],
    ["a host inside", "https://inside.example.com/", "address_refused"],
    ["a host of which one address is inside", "https://half.example.com/", "address_refused"],
    ["loopback", "https://127.0.0.2/", "address_refused"],
    ["loopback as one number", "https://2130706434/", "address_refused"],
    ["loopback in hex", "https://0x7f000002/", "address_refused"],
    ["loopback in octal", "https://0177.0.0.02/", "address_refused"],
    ["loopback, short", "https://127.2/", "address_refused"],
    ["loopback in full-width digits", "https://１２７.0.0.2/", "address_refused"],
    ["metadata", "https://169.254.169.254/latest/meta-data/", "address_refused"],
    ["metadata in hex", "https://0xa9fea9fe/", "address_refused"],
    ["loopback, IPv4-mapped", "https://[::ffff:127.0.0.1]/", "address_refused"],
    ["NAT64", "https://[64:ff9b::7f00:1]/", "address_refused"],
    ["6to4", "https://[2002:7f00:1::]/", "address_refused"],
  ])("is refused: %s", async (_, text, why) => {
    expect(await refusal(text)).toBe(why);
  });

  it("a refusal repeats nothing of it, which may hold a secret", () => {
    for (const text of ["https://user:hunter2@agent.example.com/", "http://agent.example.com/hunter2", "hunter2"]) {
      expect(JSON.stringify(parseTarget(targets, text))).not.toContain("hunter2");
    }
  });
});
