import { existsSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { dkimVerify, sealMessage, type DNSResolver } from "mailauth";
import { describe, expect, it } from "vitest";
import { verifyDkim, type DkimResult } from "../../src/mail/dkim.ts";
import { createZoneResolver, type Resolver, type Zone } from "../../src/mail/dns.ts";
import { readHeader } from "../../src/mail/header.ts";
import { ACME, ACME_ED25519, createSigner, EVIL, headed, letter, NOON, refusedFor, sign, ZONE } from "./letters.ts";

const CORPUS = new URL("../../../shared/data/mail/corpus.jsonl.gz", import.meta.url);
const NOW = new Date(NOON);

function verified(raw: Buffer, resolver: Resolver = createZoneResolver(ZONE)): Promise<DkimResult> {
  return verifyDkim({ raw, bodyOffset: readHeader(raw).bodyOffset }, resolver as DNSResolver, NOW);
}

/** What the library's own entry says, without what is a fresh random value for an unsigned message. */
async function byTheLibrary(raw: Buffer, resolver: Resolver = createZoneResolver(ZONE)) {
  const { results, headerFrom, fromFields, arc } = await dkimVerify(Readable.from([raw]), {
    resolver: resolver as DNSResolver,
    strict: true,
    curTime: NOW,
  });
  return { results, headerFrom, fromFields, arc };
}

/** As text, with keys in their order and without the key itself, which the library gives as PEM. */
function shown(result: object): string {
  return JSON.stringify(result, (name, value: unknown) => (name === "publicKey" ? undefined : value));
}

async function expectTheSame(raw: Buffer, zone: Zone = ZONE): Promise<void> {
  expect(shown(await verified(raw, createZoneResolver(zone)))).toBe(shown(await byTheLibrary(raw, createZoneResolver(zone))));
}

const BOSS = headed("From: The Boss <boss@acme.example>", "To: assistant@postern.example");
const SPACED = letter("From: boss@acme.example", "Subject:  two\t spaces ", "", " a  b ", "\t", "x ", "", "");

async function sealed(raw: Buffer): Promise<Buffer> {
  const { domain, selector, privateKey } = EVIL;
  const seal = await sealMessage(raw, {
    signingDomain: domain,
    selector,
    privateKey,
    authResults: "evil.example; spf=pass",
    cv: "none",
  });
  return Buffer.concat([Buffer.from(seal), raw]);
}

describe("a signature, without the library's stream", () => {
  it.each<[string, () => Buffer | Promise<Buffer>]>([
    ["rsa", () => sign(BOSS, ACME)],
    ["ed25519", () => sign(BOSS, ACME_ED25519)],
    ["simple canonicalization", () => sign(SPACED, ACME, { canonicalization: "simple/simple" })],
    ["relaxed canonicalization", () => sign(SPACED, ACME, { canonicalization: "relaxed/relaxed" })],
    ["part of the body", () => sign(SPACED, ACME, { maxBodyLength: 3 })],
    ["two of them", async () => sign(await sign(BOSS, EVIL), ACME)],
    ["an unknown key", () => sign(BOSS, createSigner("unknown.example"))],
    ["a key of another's", () => sign(BOSS, { ...createSigner("acme.example"), domain: "acme.example" })],
    ["a changed body", async () => Buffer.concat([await sign(BOSS, ACME), Buffer.from("added\r\n")])],
    ["an ARC chain", async () => sealed(await sign(BOSS, ACME))],
    ["none", () => BOSS],
    ["no body", () => sign(Buffer.from("From: boss@acme.example\r\nSubject: no body\r\n\r\n"), ACME)],
    ["no blank line", () => Buffer.from("From: boss@acme.example\r\nSubject: no body\r\n")],
    ["no header", () => Buffer.from("\r\nFrom: boss@acme.example\r\n\r\nbody\r\n")],
    ["nothing", () => Buffer.alloc(0)],
    ["a body without a last line end", () => sign(Buffer.from("From: boss@acme.example\r\n\r\nno end"), ACME)],
  ])("is verified as by the library: %s", async (_what, make) => {
    await expectTheSame(await make());
  });

  it.skipIf(!existsSync(CORPUS))("is verified as by the library: real mail, of others and signed here", async () => {
    const lines = gunzipSync(readFileSync(CORPUS)).toString().trim().split("\n");
    let compared = 0;
    for (const line of lines.slice(0, 120)) {
      const raw = Buffer.from((JSON.parse(line) as { raw_base64: string }).raw_base64, "base64");
      if ((await refusedFor(raw)) !== null) continue;
      await expectTheSame(raw);
      await expectTheSame(await sign(raw, ACME, { canonicalization: "relaxed/relaxed" }));
      compared += 1;
    }
    expect(compared).toBeGreaterThan(100);
  });
});

describe("a key", () => {
  const name = `${ACME.selector}._domainkey.acme.example`;

  async function results(raw: Buffer, zone: Zone): Promise<readonly string[]> {
    return (await verified(raw, createZoneResolver(zone))).results.map(({ status }) => status.result);
  }

  it("is asked for anew by every message: a withdrawn or exchanged one counts no more", async () => {
    const raw = await sign(BOSS, ACME);
    expect(await results(raw, ZONE)).toEqual(["pass"]);
    expect(await results(raw, { ...ZONE, [name]: { TXT: [ACME.record.replace(/p=.*/, "p=")] } })).toEqual(["neutral"]);
    expect(await results(raw, { ...ZONE, [name]: { TXT: [EVIL.record] } })).toEqual(["fail"]);
    expect(await results(raw, ZONE)).toEqual(["pass"]);
  });

  it("read for one signature is not taken for another's rules: a record that names its hash", async () => {
    const only = { ...ZONE, [name]: { TXT: [`${ACME.record}; h=sha1`] } };
    expect(await results(await sign(BOSS, ACME), only)).toEqual(["neutral"]);
    await expectTheSame(await sign(BOSS, ACME), only);
  });

  it("is asked for once by all signatures of a message", async () => {
    const asked: string[] = [];
    const zone = createZoneResolver(ZONE);
    const raw = await sign(await sign(BOSS, ACME), ACME, { canonicalization: "relaxed/relaxed" });
    const { results } = await verified(raw, async (question, type) => {
      asked.push(question);
      return zone(question, type);
    });
    expect(results.map(({ status }) => status.result)).toEqual(["pass", "pass"]);
    expect(asked).toEqual([name]);
  });
});
