import { sealMessage } from "mailauth";
import { describe, expect, it } from "vitest";
import { DNS_BUDGET, createZoneResolver, dnsError, type Resolver, type Zone } from "../../src/mail/dns.ts";
import { authenticateMail } from "../../src/mail/read.ts";
import type { Authentication } from "../../src/mail/reader.ts";
import {
  ACME,
  ACME_ED25519,
  authenticated,
  createSigner,
  EVIL,
  FROM_ACME,
  FROM_EVIL,
  headed,
  letter,
  NOON,
  opened,
  sign,
  ZONE,
} from "./letters.ts";

const BOSS = headed("From: The Boss <boss@acme.example>", "To: assistant@postern.example");

function zoneWith(changes: Zone): Zone {
  return { ...ZONE, ...changes };
}

describe("DKIM", () => {
  it.each([
    ["rsa", ACME],
    ["ed25519", ACME_ED25519],
  ])("MB-04 a valid %s signature of the From domain passes and aligns", async (_kind, signer) => {
    const { verification, identity } = await authenticated(await sign(BOSS, signer), FROM_EVIL);
    expect(verification).toMatchObject({ dkim: "pass", dmarc: "pass", from_alignment: { dkim: true, spf: false } });
    expect(identity).toEqual({ kind: "sender", address: "boss@acme.example", domain: "acme.example", verified: true });
  });

  it("MB-04 a message without signature has none, which is not a pass", async () => {
    const { verification } = await authenticated(BOSS, FROM_ACME);
    expect(verification).toMatchObject({ dkim: "none", from_alignment: { dkim: false } });
  });

  it("MB-04 a pass for another domain does not align", async () => {
    const { verification, identity } = await authenticated(await sign(BOSS, EVIL), FROM_EVIL);
    expect(verification).toMatchObject({ dkim: "pass", dmarc: "fail", from_alignment: { dkim: false, spf: false } });
    expect(identity).toMatchObject({ kind: "sender", verified: false });
  });

  it("a changed body or subject fails", async () => {
    const signed = (await sign(BOSS, ACME)).toString();
    for (const changed of [signed.replace("\r\n\r\nhello", "\r\n\r\nHELLO"), signed.replace("Subject: hello", "Subject: bye")]) {
      expect((await authenticated(Buffer.from(changed))).verification.dkim).toBe("fail");
    }
  });

  it("a signature over part of the body (l=) does not count as a pass, whether or not something was added", async () => {
    const signed = await sign(BOSS, ACME, { maxBodyLength: 7 });
    expect(signed.toString()).toContain("l=7");
    for (const raw of [signed, Buffer.concat([signed, Buffer.from("added\r\n")])]) {
      const { verification, identity } = await authenticated(raw, FROM_EVIL);
      expect(verification).toMatchObject({ dkim: "policy", dmarc: "fail", from_alignment: { dkim: false } });
      expect(identity).toMatchObject({ verified: false });
    }
  });

  it("an l=0 signature proves nothing", async () => {
    const { verification } = await authenticated(await sign(BOSS, ACME, { maxBodyLength: 0 }), FROM_EVIL);
    expect(verification).toMatchObject({ dkim: "policy", dmarc: "fail" });
  });

  it("one good signature among bad ones is enough", async () => {
    const raw = await sign(await sign(await sign(BOSS, EVIL), ACME), createSigner("unknown.example"));
    expect((await authenticated(raw, FROM_EVIL)).verification).toMatchObject({ dkim: "pass", from_alignment: { dkim: true } });
  });

  it("expiry is judged by the given clock", async () => {
    const signed = await sign(BOSS, ACME, { signTime: new Date(NOON), expires: new Date(NOON + 60_000) });
    expect((await authenticated(signed, FROM_EVIL, ZONE, NOON + 59_000)).verification.dkim).toBe("pass");
    expect((await authenticated(signed, FROM_EVIL, ZONE, NOON + 61_000)).verification).toMatchObject({ dkim: "neutral", dmarc: "fail" });
  });

  it("a NUL in the selector verifies nothing and is refused with the message", async () => {
    const signed = (await sign(BOSS, ACME)).toString("latin1").replace("s=rsa", "s=rsa\0.evil");
    expect((await authenticated(Buffer.from(signed.replace("\0", "=00"), "latin1"), FROM_EVIL)).verification.from_alignment.dkim).toBe(
      false,
    );
    expect(await opened(Buffer.from(signed, "latin1")).catch((error: Error) => error.message)).toBe("refused: nul");
  });

  it.each([
    '"acme.example"',
    "acme.example\\.evil.example",
    "evil.example#acme.example",
    "acme.example/",
    "<acme.example>",
    "a@acme.example",
  ])("a d= of %s is no domain and passes for nobody", async (domain) => {
    const signed = (await sign(BOSS, EVIL)).toString().replace("d=evil.example", `d=${domain}`);
    const answersAll: Zone = zoneWith({ [`rsa._domainkey.${domain}`]: { TXT: [EVIL.record] } });
    const { verification } = await authenticated(Buffer.from(signed), FROM_EVIL, answersAll);
    expect(verification.from_alignment.dkim).toBe(false);
    expect(verification.dmarc).toBe("fail");
  });

  it("rsa-sha1 and a short key are policy, not pass", async () => {
    const signed = await sign(BOSS, ACME, { algorithm: "rsa-sha1" });
    expect((await authenticated(signed, FROM_EVIL)).verification).toMatchObject({ dkim: "policy", from_alignment: { dkim: false } });
  });

  it("a body of one line of 20 MiB under ten signatures is verified in time", async () => {
    const head = Array.from(
      { length: 10 },
      (_, at) =>
        `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=acme.example; s=rsa; h=from; l=${at + 1_000_000}; bh=AAAA; b=AAAA`,
    );
    const raw = Buffer.concat([letter(...head, "From: boss@acme.example", ""), Buffer.alloc(20 * 1024 * 1024, 0x78)]);
    const mail = await opened(raw);
    const before = process.cpuUsage();
    const { verification } = await authenticateMail(mail, FROM_EVIL, { resolver: createZoneResolver(ZONE), now: () => NOON });
    const { user, system } = process.cpuUsage(before);
    expect(verification.dkim).toBe("fail");
    // Fed in pieces of 64 KiB the library takes two minutes.
    expect((user + system) / 1_000).toBeLessThan(20_000);
  });
});

describe("SPF", () => {
  it("MB-04 a pass of the From domain aligns", async () => {
    const { verification, identity } = await authenticated(BOSS, FROM_ACME);
    expect(verification).toMatchObject({ spf: "pass", dmarc: "pass", from_alignment: { spf: true } });
    expect(identity).toMatchObject({ verified: true });
  });

  it("MB-04 a pass of another domain does not align", async () => {
    expect((await authenticated(BOSS, FROM_EVIL)).verification).toMatchObject({
      spf: "pass",
      dmarc: "fail",
      from_alignment: { spf: false },
    });
  });

  it("a subdomain of the organisation aligns, another customer of a public suffix does not", async () => {
    const zone = zoneWith({ "mail.acme.example": { TXT: ["v=spf1 +all"] }, "evil.co.uk": { TXT: ["v=spf1 +all"] } });
    const from = (sender: string, raw: Buffer): Promise<boolean> =>
      authenticated(raw, { ...FROM_EVIL, sender }, zone).then((result) => result.verification.from_alignment.spf);
    expect(await from("x@mail.acme.example", BOSS)).toBe(true);
    expect(await from("x@evil.co.uk", headed("From: boss@acme.co.uk"))).toBe(false);
  });

  it("another sending host fails", async () => {
    expect((await authenticated(BOSS, { ...FROM_ACME, ip: "198.51.100.9" })).verification).toMatchObject({ spf: "fail", dmarc: "fail" });
  });

  it("for the null sender the HELO name is checked", async () => {
    const zone = zoneWith({ "mx.acme.example": { TXT: ["v=spf1 ip4:192.0.2.1 -all"] } });
    const { verification, automatic } = await authenticated(BOSS, { ...FROM_ACME, sender: "" }, zone);
    expect(verification).toMatchObject({ spf: "pass", from_alignment: { spf: true } });
    expect(automatic).toBe(true);
  });

  it("for the null sender with a bare HELO there is nothing to check", async () => {
    expect((await authenticated(BOSS, { ...FROM_ACME, sender: "", helo: "192.0.2.1" })).verification.spf).toBe("none");
  });

  it("without a client address there is nothing to check, and nothing to wait for", async () => {
    expect(await authenticated(BOSS, { ...FROM_ACME, ip: "unknown" })).toMatchObject({ verification: { spf: "none" }, temporary: false });
  });
});

describe("DMARC", () => {
  it("MB-05 a domain without a record has none", async () => {
    const { verification } = await authenticated(headed("From: x@evil.example"), FROM_EVIL);
    expect(verification).toMatchObject({ dmarc: "none", from_alignment: { spf: true } });
  });

  it("MB-04 whoever has a subdomain of an owner who asks for strict alignment is not the owner, also where no rule asks for DMARC", async () => {
    const guest = createSigner("guest.acme.example");
    const raw = await sign(BOSS, guest);
    const sender = { ...FROM_EVIL, sender: "x@guest.acme.example" };
    const under = (record: string): Promise<Authentication> =>
      authenticated(
        raw,
        sender,
        zoneWith({
          "guest.acme.example": { TXT: ["v=spf1 +all"] },
          "rsa._domainkey.guest.acme.example": { TXT: [guest.record] },
          "_dmarc.acme.example": { TXT: [record] },
        }),
      );
    const relaxed = await under("v=DMARC1; p=reject");
    expect(relaxed).toMatchObject({ identity: { verified: true }, verification: { from_alignment: { spf: true, dkim: true } } });
    const strict = await under("v=DMARC1; p=reject; adkim=s; aspf=s");
    expect(strict).toMatchObject({
      identity: { verified: false },
      verification: { spf: "pass", dkim: "pass", dmarc: "fail", from_alignment: { spf: false, dkim: false } },
      temporary: false,
    });
    const half = await under("v=DMARC1; p=reject; adkim=s");
    expect(half.verification).toMatchObject({ dmarc: "pass", from_alignment: { spf: true, dkim: false } });
  });

  it("MB-05 what cannot be evaluated is a failure, never none", async () => {
    for (const raw of [
      headed("From: a@evil.example, b@evil.example"),
      headed("From: a@evil.example", "From: a@evil.example"),
      headed("To: a@b.example"),
    ]) {
      expect((await authenticated(raw, FROM_EVIL)).verification).toMatchObject({
        dmarc: "fail",
        from_alignment: { spf: false, dkim: false },
      });
    }
  });

  it("MB-05 Authentication-Results of others change nothing", async () => {
    const raw = headed(
      "Authentication-Results: mx.acme.example; spf=pass; dkim=pass header.d=acme.example; dmarc=pass",
      "From: boss@acme.example",
    );
    expect((await authenticated(raw, FROM_EVIL)).verification).toEqual(
      (await authenticated(headed("From: boss@acme.example"), FROM_EVIL)).verification,
    );
  });
});

describe("ARC", () => {
  const RELAY = createSigner("relay.example", "rsa", "arc");
  const zone = zoneWith({ "arc._domainkey.relay.example": { TXT: [RELAY.record] } });

  async function forwarded(): Promise<Buffer> {
    const signed = await sign(BOSS, ACME);
    const seal = {
      signingDomain: RELAY.domain,
      selector: RELAY.selector,
      privateKey: RELAY.privateKey,
      cv: "none",
      authResults: "relay.example; dkim=pass header.d=acme.example",
    };
    return Buffer.concat([await sealMessage(signed, seal), signed]);
  }

  it("MB-05 a valid chain passes", async () => {
    expect((await authenticated(await forwarded(), FROM_EVIL, zone)).verification.arc).toBe("pass");
  });

  it("MB-05 a chain over something else fails, no chain is none", async () => {
    const changed = (await forwarded()).toString().replace("\r\n\r\nhello", "\r\n\r\nHELLO");
    expect((await authenticated(Buffer.from(changed), FROM_EVIL, zone)).verification.arc).toBe("fail");
    expect((await authenticated(BOSS, FROM_EVIL, zone)).verification.arc).toBe("none");
  });

  it("MB-05 a chain whose key cannot be had now is temperror, and does not withhold a proven message", async () => {
    const result = await authenticated(await forwarded(), FROM_EVIL, zoneWith({ "arc._domainkey.relay.example": { TXT: "TEMPFAIL" } }));
    expect(result).toMatchObject({ verification: { arc: "temperror", dkim: "pass", dmarc: "pass" }, temporary: false });
  });
});

describe("DNS trouble", () => {
  it("while SPF of the From domain is open, the message is to be judged later", async () => {
    const result = await authenticated(BOSS, FROM_ACME, zoneWith({ "acme.example": { TXT: "TEMPFAIL" } }));
    expect(result).toMatchObject({ verification: { spf: "temperror", from_alignment: { spf: false } }, temporary: true });
  });

  it("while a signature of the From domain is open, the message is to be judged later", async () => {
    const result = await authenticated(await sign(BOSS, ACME), FROM_EVIL, zoneWith({ "rsa._domainkey.acme.example": { TXT: "TEMPFAIL" } }));
    expect(result).toMatchObject({ verification: { dkim: "temperror" }, temporary: true });
  });

  it("a second good signature settles it", async () => {
    const raw = await sign(await sign(BOSS, ACME), ACME_ED25519);
    const result = await authenticated(raw, FROM_EVIL, zoneWith({ "rsa._domainkey.acme.example": { TXT: "TEMPFAIL" } }));
    expect(result).toMatchObject({ verification: { dkim: "pass", from_alignment: { dkim: true } }, temporary: false });
  });

  it("while the DMARC record is open, the message is to be judged later", async () => {
    const result = await authenticated(BOSS, FROM_ACME, zoneWith({ "_dmarc.acme.example": { TXT: "TEMPFAIL" } }));
    expect(result).toMatchObject({ verification: { dmarc: "temperror" }, temporary: true });
  });

  it("a stranger's broken DNS keeps nobody waiting", async () => {
    const result = await authenticated(
      await sign(BOSS, EVIL),
      FROM_EVIL,
      zoneWith({ "evil.example": { TXT: "TEMPFAIL" }, "rsa._domainkey.evil.example": { TXT: "TEMPFAIL" } }),
    );
    expect(result).toMatchObject({ verification: { spf: "temperror", dkim: "temperror", dmarc: "fail" }, temporary: false });
  });

  it("an ambiguous sender is final whatever DNS says", async () => {
    const raw = headed("From: a@acme.example, b@acme.example");
    expect((await authenticated(raw, FROM_ACME, zoneWith({ "acme.example": { TXT: "TEMPFAIL" } }))).temporary).toBe(false);
  });

  it("a resolver that never answers is left after the message's share of time", async () => {
    const started = performance.now();
    const silent: Resolver = () => new Promise(() => undefined);
    const mail = await opened(await sign(BOSS, ACME));
    const result = await authenticateMail(mail, FROM_ACME, { resolver: silent, now: Date.now, budget: { ...DNS_BUDGET, ms: 100 } });
    expect(result).toMatchObject({ verification: { spf: "temperror", dkim: "temperror", dmarc: "temperror" }, temporary: true });
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it("one message asks at most 60 times", async () => {
    let asked = 0;
    const greedy: Resolver = async (name, type) => {
      asked++;
      if (type === "TXT" && !name.startsWith("_dmarc"))
        return [[`v=spf1 ${Array.from({ length: 9 }, (_, at) => `mx:m${at}.${name}`).join(" ")} -all`]];
      if (type === "MX") return Array.from({ length: 10 }, (_, at) => ({ priority: at, exchange: `h${at}.${name}` }));
      throw dnsError("ENODATA");
    };
    const result = await authenticateMail(await opened(BOSS), FROM_ACME, { resolver: greedy, now: Date.now });
    expect(asked).toBeLessThanOrEqual(60);
    expect(result.verification.spf).toBe("temperror");
  });

  it("a resolver that throws what is no error is survived", async () => {
    const broken: Resolver = () => Promise.reject("nonsense");
    const result = await authenticateMail(await opened(await sign(BOSS, ACME)), FROM_ACME, { resolver: broken, now: Date.now });
    expect(result.identity).toMatchObject({ verified: false });
  });
});
