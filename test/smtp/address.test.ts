import { describe, expect, it } from "vitest";
import { isAscii, mailboxCandidates, pathOf } from "../../src/smtp/address.ts";

describe("addresses in commands", () => {
  it.each([
    ["MAIL FROM:<Boss@ACME.Example> SIZE=5", "Boss@acme.example"],
    ["MAIL FROM:<>", ""],
    ["RCPT TO:<@relay.example,@other.example:a@b.example>", "a@b.example"],
    ["RCPT TO:<a@[IPv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]"],
    ["RCPT TO:<a@XN--BCHER-KVA.example>", "a@xn--bcher-kva.example"],
    ["RCPT TO:<Postmaster>", "Postmaster"],
  ])("`%s` is about `%s`", (command, address) => {
    expect(pathOf(command)).toBe(address);
  });

  it("a recipient means its exact address first, then the one without the tag", () => {
    expect(mailboxCandidates("Local+Tag+x@acme.example", "mx.example")).toEqual(["local+tag+x@acme.example", "local@acme.example"]);
    expect(mailboxCandidates("local@acme.example", "mx.example")).toEqual(["local@acme.example"]);
  });

  it("a tag needs a local part before it, and a plus in the domain is no tag", () => {
    expect(mailboxCandidates("+tag@acme.example", "mx.example")).toEqual(["+tag@acme.example"]);
    expect(mailboxCandidates("local@a+b.example", "mx.example")).toEqual(["local@a+b.example"]);
  });

  it("RFC 5321 §4.5.1: a bare postmaster is the host's own", () => {
    expect(mailboxCandidates("Postmaster", "MX.example")).toEqual(["postmaster@mx.example"]);
  });

  it("knows ASCII", () => {
    expect([isAscii("a@b"), isAscii("ä@b"), isAscii("a@b\u007f")]).toEqual([true, false, false]);
  });
});
