import { describe, expect, it } from "vitest";
import { isAscii, pathOf } from "../../src/smtp/address.ts";

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

  it("knows ASCII", () => {
    expect([isAscii("a@b"), isAscii("ä@b"), isAscii("a@b\u007f")]).toEqual([true, false, false]);
  });
});
