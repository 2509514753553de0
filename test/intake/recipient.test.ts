import { describe, expect, it } from "vitest";
import { mailboxCandidates } from "../../src/intake/recipient.ts";

describe("addresses a recipient may mean", () => {
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
});
