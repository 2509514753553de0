import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CompactSign, importPKCS8 } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAddressList } from "../../src/mail/identity-header-recipients.ts";
import { verifyIdentity } from "../../src/mail/identity-header-verify.ts";
import { compose, header } from "./drafts.ts";
import { KEY, LETTER, newIdentityKey, seal, sealed } from "./sealed.ts";

const edit = (raw: Buffer, from: string | RegExp, to: string): Buffer => {
  const text = raw.toString("latin1");
  expect(text).toMatch(from);
  return Buffer.from(text.replace(from, to), "latin1");
};
const verify = (raw: Buffer, keys = [KEY.jwk]) => verifyIdentity(raw, keys);

/** Somebody with the right key who signs something else. */
async function signedBy(typ: string, payload: string): Promise<Buffer> {
  const key = await importPKCS8(KEY.private_key, "ES256");
  const token = await new CompactSign(Buffer.from(payload)).setProtectedHeader({ alg: "ES256", kid: KEY.kid, typ }).sign(key);
  return edit(sealed(), /^Postern-Identity:(?:\r\n .*)*/m, `Postern-Identity: ${token}`);
}

describe("the identity header", () => {
  it("MM-18 says who operates, under which oversight, with what, since when, and is bound to the message", async () => {
    const found = await verify(sealed());
    expect(found).toEqual({
      verdict: "valid",
      kid: KEY.kid,
      claims: {
        v: 1,
        operator: "Acme",
        oversight: "gated_send",
        capabilities: ["mail.send"],
        verified_operator: true,
        service: "https://postern.acme.example",
        created: "2026-11-21T12:00:00.000Z",
        message_id: "drf_0123456789abcdef.1@acme.example",
        from: "assistant@acme.example",
        recipients_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        body_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      },
    });
  });

  it("MM-18 goes by the other name when told so", async () => {
    const raw = sealed({ identity: { ...seal().identity, header: "X-MultiMail-Identity" } });
    expect(header(raw)).toContain("\r\nX-MultiMail-Identity:");
    expect(header(raw)).not.toContain("\r\nPostern-Identity");
    expect(await verify(raw)).toMatchObject({ verdict: "valid" });
  });

  it("says nothing of blind recipients: with and without them it is bound to the same", async () => {
    const [one, other] = [await verify(sealed()), await verify(sealed({}, compose({ ...LETTER, bcc: [] })))];
    expect("claims" in one && "claims" in other && one.claims.recipients_sha256 === other.claims.recipients_sha256).toBe(true);
  });

  it("holds for mail to blind recipients only", async () => {
    expect(await verify(sealed({}, compose({ to: [], bcc: ["a@b.example"] })))).toMatchObject({ verdict: "valid" });
  });

  it.each([
    ["message_id", "<drf_0123456789abcdef.1@", "<drf_0123456789abcdef.2@"],
    ["from", "From: assistant@", "From: another@"],
    ["recipients_sha256", "<boss@partner.example>", "<loss@partner.example>"],
    ["recipients_sha256", "Cc: team@partner.example", "Cc: team@partner.example, one@more.example"],
    ["body_sha256", "ear boss", "ear loss"],
  ])("MM-18 a changed %s is found out", async (part, from, to) => {
    expect(await verify(edit(sealed(), from, to))).toMatchObject({ verdict: "altered", parts: [part] });
  });

  it("what relays do to white space, folding and case changes nothing", async () => {
    const raw = edit(edit(sealed(), "<boss@partner.example>, ", "<BOSS@Partner.Example>,\r\n\t"), "ear boss,\r\n", "ear boss, \t\r\n");
    expect(await verify(raw)).toMatchObject({ verdict: "valid" });
  });

  it.each([
    ["From", "From: evil@evil.example"],
    ["Message-ID", "Message-ID: <evil@evil.example>"],
    ["To", "To: evil@evil.example"],
    ["Cc", "Cc: evil@evil.example"],
    ["Postern-Identity", "Postern-Identity: x"],
    ["its other name", "X-MultiMail-Identity: x"],
  ])("two of %s are ambiguous", async (_, field) => {
    expect(await verify(Buffer.concat([Buffer.from(`${field}\r\n`), sealed()]))).toEqual({ verdict: "ambiguous" });
  });

  it("a message without one, with another kind of token, or with none at all is told apart", async () => {
    expect(await verify(compose(LETTER).mime)).toEqual({ verdict: "absent" });
    for (const token of ["", "a.b.c", "e30.e30.e30", "a.b", "..", `${"a".repeat(40_000)}.b.c`])
      expect(await verify(edit(sealed(), /^Postern-Identity:(?:\r\n .*)*/m, `Postern-Identity: ${token}`))).toEqual({
        verdict: "malformed",
      });
    expect(await verify(await signedBy("postern-grant+jwt", "{}"))).toEqual({ verdict: "malformed" });
    for (const payload of ["{}", "null", "[]", "no json", '{"v":1,"operator":1}'])
      expect(await verify(await signedBy("postern-identity+jwt", payload))).toEqual({ verdict: "malformed" });
  });

  it("another's key is unknown, or forged where it goes by our name", async () => {
    const theirs = newIdentityKey();
    const raw = sealed({ identity: { ...seal().identity, private_key: theirs.private_key } });
    expect(await verify(raw, [])).toEqual({ verdict: "unknown_key", kid: KEY.kid });
    expect(await verify(raw, [theirs.jwk])).toEqual({ verdict: "unknown_key", kid: KEY.kid });
    expect(await verify(raw)).toEqual({ verdict: "forged", kid: KEY.kid });
    expect(await verify(edit(sealed(), /\r\n (.)(.*)\r\nAI-Disc/, "\r\n A$2\r\nAI-Disc"))).toMatchObject({ verdict: "forged" });
  });

  it("every single character of the token counts", async () => {
    const raw = sealed();
    const [field = ""] = /^Postern-Identity:(?:\r\n .*)*/m.exec(raw.toString("latin1")) ?? [];
    const token = field.slice("Postern-Identity:".length).replaceAll("\r\n ", "");
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = token.slice(0, at) + (token.charAt(at) === "A" ? "B" : "A") + token.slice(at + 1);
      const { verdict } = await verify(Buffer.from(raw.toString("latin1").replace(field, `Postern-Identity: ${changed}`), "latin1"));
      expect(["forged", "malformed", "unknown_key"]).toContain(verdict);
    }
  });
});

describe("a list of addresses", () => {
  it.each([
    ["", []],
    ["undisclosed-recipients:;", []],
    ["a@b.example", ["a@b.example"]],
    ['"Doe, Jane" <jane@b.example> , (a, comment) x@y.example', ["jane@b.example", "x@y.example"]],
    ['"a\\",b" <a@b.example>, <c@d.example>', ["a@b.example", "c@d.example"]],
    ["Team: a@b.example, c@d.example;", null],
    ["a@b.example,", null],
    ["a@b.example; c@d.example", null],
    ["<a@b.example", null],
  ])("%j is %j", (value, expected) => {
    expect(readAddressList(value)).toEqual(expected);
  });
});

describe("a stranger with a JWS library and the published key", () => {
  const STRANGER = fileURLToPath(new URL("../support/identity-stranger.ts", import.meta.url));
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "postern-identity-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function ask(...mails: readonly Buffer[]): Promise<string[]> {
    const files = mails.map((_, at) => join(directory, `${at}.eml`));
    for (const [at, raw] of mails.entries()) await writeFile(files[at]!, raw);
    const { stdout } = spawnSync(process.execPath, [STRANGER, JSON.stringify(KEY.jwk), ...files], { encoding: "utf8" });
    return stdout.trimEnd().split("\n");
  }

  it("MM-19 comes to the same verdict, and finds each changed part", async () => {
    const raw = sealed({}, compose({ ...LETTER, to: ["Boss <Boss@partner.example>"] }));
    const verdicts = await ask(
      raw,
      edit(raw, "<drf_0123456789abcdef.1@", "<drf_0123456789abcdef.2@"),
      edit(raw, "From: assistant@", "From: another@"),
      edit(raw, "<Boss@partner.example>", "<loss@partner.example>"),
      edit(raw, "ear boss", "ear loss"),
      edit(raw, /^Postern-Identity:\r\n (.{20})./m, "Postern-Identity:\r\n $1."),
    );
    expect(verdicts.slice(0, 5)).toEqual([
      "valid",
      "not this message: message_id",
      "not this message: from",
      "not this message: recipients_sha256",
      "not this message: body_sha256",
    ]);
    expect(verdicts[5]).toMatch(/^broken: /);
  });
});
