import { describe, expect, it } from "vitest";
import { createZoneResolver } from "../../src/mail/dns.ts";
import { checkRecord } from "../../src/mail/domain-check.ts";
import { dkimRecord, dmarcRecord, publicHost, spfRecord } from "../../src/mail/domain-records.ts";

const KEY = { selector: "pst1", public_key: `MIIB${"A".repeat(388)}` };
const DKIM = dkimRecord("acme.example", KEY);
const P = KEY.public_key;

const check = async (record: typeof DKIM, zone: object) => {
  const { status, found } = await checkRecord(record, createZoneResolver(zone));
  return { status, found: found.length };
};
const at = (...texts: readonly (string | readonly string[])[]) => ({ "pst1._domainkey.acme.example": { TXT: texts } });

describe("records to publish", () => {
  it("MB-19 a key is one text and its strings of at most 255", () => {
    expect(DKIM).toMatchObject({ purpose: "dkim", name: "pst1._domainkey.acme.example", value: `v=DKIM1; k=rsa; p=${P}` });
    expect(DKIM.strings.join("")).toBe(DKIM.value);
    expect(DKIM.strings.map((text) => text.length)).toEqual([255, 155]);
  });

  it.each([
    ["https://mail.acme.example/x", "a:mail.acme.example"],
    ["https://192.0.2.7:8025", "ip4:192.0.2.7"],
    ["https://[2001:db8::1]", "ip6:2001:db8::1"],
    ["http://127.0.0.1:8025", "include:spf.your-relay.example"],
    ["http://10.1.2.3", "include:spf.your-relay.example"],
    ["http://localhost:8025", "include:spf.your-relay.example"],
    ["http://[::1]:8025", "include:spf.your-relay.example"],
    ["http://mail.internal", "include:spf.your-relay.example"],
  ])("SPF for a service at %s names %s", (url, mechanism) => {
    expect(spfRecord("acme.example", publicHost(url)).value).toBe(`v=spf1 ${mechanism} -all`);
  });
});

describe("DKIM as DNS shows it", () => {
  it.each([
    [`v=DKIM1; k=rsa; p=${P}`],
    [`p=${P}`],
    [`k=rsa;p=${P};`],
    [`v=DKIM1; t=s; h=sha1:sha256; s=email; n=a note; p=${P}`],
    [`v=DKIM1; p=${P.slice(0, 100)} ${P.slice(100)}`],
  ])("%.40s is the key", async (text) => {
    expect(await check(DKIM, at(text))).toEqual({ status: "ok", found: 1 });
  });

  it("in several strings it is the key as well", async () => {
    expect(await check(DKIM, at(DKIM.strings))).toEqual({ status: "ok", found: 1 });
  });

  it.each([
    ["another key", `v=DKIM1; k=rsa; p=MIIBother`],
    ["a revoked one", "v=DKIM1; p="],
    ["another kind", `v=DKIM1; k=ed25519; p=${P}`],
    ["another version", `v=DKIM2; p=${P}`],
    ["other hashes", `v=DKIM1; h=sha1; p=${P}`],
    ["another service", `v=DKIM1; s=other; p=${P}`],
    ["a key behind another one", `p=MIIBother; p=${P}`],
  ])("%s differs", async (_, text) => {
    expect(await check(DKIM, at(text))).toEqual({ status: "differs", found: 1 });
  });

  it("two keys at one name differ, whichever of them is right", async () => {
    expect(await check(DKIM, at(`p=${P}`, "p=MIIBother"))).toEqual({ status: "differs", found: 2 });
  });

  it("what is not there is missing, what DNS does not say is unknown", async () => {
    expect(await check(DKIM, {})).toEqual({ status: "missing", found: 0 });
    expect(await check(DKIM, at("a note to somebody"))).toEqual({ status: "missing", found: 0 });
    expect(await check(DKIM, { "pst1._domainkey.acme.example": { TXT: "TEMPFAIL" } })).toEqual({ status: "unknown", found: 0 });
  });

  it("an answer is bounded, and holds nothing a terminal would act on", async () => {
    const many = Array.from({ length: 500 }, (_, index) => `p=${index}\u001b[2J${"x".repeat(10_000)}`);
    const { found } = await checkRecord(DKIM, createZoneResolver(at(...many)));
    expect(found).toHaveLength(20);
    expect(found.every((text) => text.length <= 4_096 && !text.includes("\u001b"))).toBe(true);
  });
});

describe("SPF and DMARC as DNS shows them", () => {
  const spf = (...texts: string[]) => check(spfRecord("acme.example", null), { "acme.example": { TXT: texts } });
  const dmarc = (zone: object) => check(dmarcRecord("mail.acme.example"), zone);

  it("one SPF record that tells senders apart is enough", async () => {
    expect(await spf("other=1", "v=spf1 ip4:192.0.2.1 -all")).toEqual({ status: "ok", found: 1 });
    expect(await spf("v=spf1")).toEqual({ status: "ok", found: 1 });
    expect(await spf("v=spf10 -all")).toEqual({ status: "missing", found: 0 });
    expect(await spf("v=spf1 -all", "v=spf1 ~all")).toEqual({ status: "differs", found: 2 });
    for (const everybody of ["v=spf1 all", "v=spf1 +all", "v=spf1 mx +ALL"])
      expect(await spf(everybody)).toEqual({ status: "differs", found: 1 });
  });

  it("a DMARC record counts, also of the domain above", async () => {
    const record = { TXT: ["v=DMARC1; p=reject"] };
    expect(await dmarc({ "_dmarc.mail.acme.example": record })).toEqual({ status: "ok", found: 1 });
    expect(await dmarc({ "_dmarc.acme.example": record })).toEqual({ status: "ok", found: 1 });
    expect(await dmarc({ "_dmarc.example": record })).toEqual({ status: "missing", found: 0 });
    expect(await dmarc({ "_dmarc.acme.example": { TXT: ["v=DMARC1; p=perhaps"] } })).toEqual({ status: "differs", found: 1 });
    expect(await dmarc({ "_dmarc.mail.acme.example": { TXT: "TEMPFAIL" }, "_dmarc.acme.example": record })).toEqual({
      status: "unknown",
      found: 0,
    });
  });
});
