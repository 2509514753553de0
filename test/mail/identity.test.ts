import { describe, expect, it } from "vitest";
import type { Identity } from "../../src/model/message.ts";
import { ACME, authenticated, EVIL, FROM_ACME, FROM_EVIL, headed, letter, sign } from "./letters.ts";

async function identityOf(raw: Buffer, envelope = FROM_ACME): Promise<Identity> {
  return (await authenticated(raw, envelope)).identity;
}

async function whyAmbiguous(...headers: readonly string[]): Promise<string> {
  // From the claimed domain's own server: only the ambiguity stands between this mail and belief.
  const identity = await identityOf(headed(...headers));
  return identity.kind === "ambiguous" ? identity.why : `sender ${identity.address}`;
}

const base64 = (text: string): string => `=?utf-8?b?${Buffer.from(text).toString("base64")}?=`;

describe("the sender", () => {
  it.each([
    ["From: boss@acme.example", "boss@acme.example"],
    ["From: The Boss <Boss@ACME.example>", "boss@acme.example"],
    ['from:"Boss, The" <boss@acme.example>', "boss@acme.example"],
    ["From: The Boss\r\n <boss@acme.example>", "boss@acme.example"],
    ["From:\r\n boss@acme.example", "boss@acme.example"],
    ["From: Ch\u00e9f <boss@acme.example>", "boss@acme.example"],
    ["From: boss@acme.example (The Boss)", "boss@acme.example"],
    ['From: "john smith"@acme.example', '"john smith"@acme.example'],
    ['From: "boss"@acme.example', "boss@acme.example"],
    ['From: "boss@acme.example"@evil.example', '"boss@acme.example"@evil.example'],
    ["From: boss@XN--bcher-kva.example", "boss@xn--bcher-kva.example"],
    ["From: boss@b\u00fccher.example", "boss@xn--bcher-kva.example"],
  ])("of %j is %s", async (from, address) => {
    expect(await identityOf(headed(from))).toMatchObject({ kind: "sender", address });
  });

  it("is not verified by anything but an aligned pass", async () => {
    expect(await identityOf(headed("From: boss@acme.example"), FROM_EVIL)).toMatchObject({ kind: "sender", verified: false });
    expect(await identityOf(await sign(headed("From: boss@acme.example"), EVIL), FROM_EVIL)).toMatchObject({ verified: false });
    expect(await identityOf(await sign(headed("From: boss@acme.example"), ACME), FROM_EVIL)).toMatchObject({ verified: true });
  });

  it("with a display name of somebody else is still its address", async () => {
    expect(await identityOf(headed('From: "boss@acme.example" <x@evil.example>'), FROM_EVIL)).toMatchObject({ address: "x@evil.example" });
    expect(await identityOf(headed(`From: ${base64("boss@acme.example")} <x@evil.example>`), FROM_EVIL)).toMatchObject({
      address: "x@evil.example",
    });
    expect(await identityOf(headed(`From: ${base64("<boss@acme.example>,")} <x@evil.example>`), FROM_EVIL)).toMatchObject({
      address: "x@evil.example",
    });
  });

  it("X-13 with characters without a shape is nobody", async () => {
    for (const unseen of ["\u{e0069}\u{e0067}", "\u2060", "\u00ad", "\ufe0f"]) {
      expect(await whyAmbiguous(`From: boss${unseen}@acme.example`)).toBe("from_malformed");
      expect(await whyAmbiguous(`From: "boss${unseen}"@acme.example`)).toBe("from_malformed");
    }
  });

  it("with the null envelope sender is judged by its From", async () => {
    expect(await identityOf(headed("From: boss@acme.example"), { ...FROM_ACME, sender: "" })).toMatchObject({
      kind: "sender",
      address: "boss@acme.example",
    });
  });
});

describe("a sender nobody can be sure of is ambiguous:", () => {
  it.each<[string, readonly string[], string]>([
    ["several From fields", ["From: boss@acme.example", "From: x@evil.example"], "from_repeated"],
    ["several equal From fields", ["From: boss@acme.example", "From: boss@acme.example"], "from_repeated"],
    ["several From addresses", ["From: boss@acme.example, x@evil.example"], "from_several_addresses"],
    ["several From addresses of one domain", ["From: boss@acme.example, cfo@acme.example"], "from_several_addresses"],
    ["no From", ["To: boss@acme.example"], "from_missing"],
    ["an empty From", ["From:"], "from_malformed"],
    ["`From :` with a space", ["From : boss@acme.example"], "from_syntax"],
    ["`From :` beside From", ["From : boss@acme.example", "From: x@acme.example"], "from_repeated"],
    ["`From :` after From", ["From: x@acme.example", "From\t: boss@acme.example"], "from_repeated"],
    ["a folded field name", ["From\r\n : boss@acme.example"], "from_syntax"],
    ["a folded field name beside From", ["From\r\n : boss@acme.example", "From: x@acme.example"], "from_repeated"],
    ["a field name with an invisible byte", ["\u00a0From: boss@acme.example", "From: x@acme.example"], "from_repeated"],
    ["a base64-encoded address before a real one", [`From: ${base64("boss@acme.example")}, <x@acme.example>`], "from_several_addresses"],
    ["a base64-encoded address in angle brackets", [`From: <${base64("boss@acme.example")}>`], "from_malformed"],
    ["a base64-encoded local part", [`From: ${base64("boss")}@acme.example`], "from_disagreement"],
    ["an address behind the brackets", ["From: <any@acme.example>boss@evil.example"], "from_malformed"],
    ["two pairs of brackets", ["From: <boss@acme.example> <x@acme.example>"], "from_malformed"],
    ["an unquoted address as name", ["From: boss@acme.example <x@acme.example>"], "from_malformed"],
    ["group syntax", ["From: Team: boss@acme.example;"], "from_group"],
    ["an empty group", ["From: undisclosed-recipients:;"], "from_group"],
    ["a source route", ["From: <@relay.example:boss@acme.example>"], "from_malformed"],
    ["a comment inside the address", ["From: boss(x)@acme.example"], "from_malformed"],
    ["an address literal", ["From: boss@[192.0.2.1]"], "from_malformed"],
    ["an unterminated quote", ['From: "boss <boss@acme.example>'], "from_malformed"],
  ])("%s", async (_name, headers, why) => {
    expect(await whyAmbiguous(...headers)).toBe(why);
  });

  it("a From in the body is no From", async () => {
    expect(await identityOf(letter("To: x@y.example", "", "From: boss@acme.example"))).toEqual({ kind: "ambiguous", why: "from_missing" });
  });

  it("the code names no content", async () => {
    const identity = await identityOf(headed("From: secret@acme.example, other@acme.example"));
    expect(JSON.stringify(identity)).not.toContain("secret");
  });
});
