import { describe, expect, it } from "vitest";
import { definePolicy } from "../../policies/define.ts";
import { warnings } from "../../policies/load.ts";
import type { PolicyInput } from "../../policies/schema.ts";
import { EXAMPLE } from "./samples.ts";

const GUARD = { reject: "x", reason: "r" };
const fine = { senders: [{ match: { list: "vip" }, capabilities: [], rateLimit: { perHour: 1 } }] } as const satisfies Partial<PolicyInput>;
const limited = { capabilities: [], rateLimit: { perHour: 1 } };

function warned(more: Partial<PolicyInput>): readonly string[] {
  const policy = definePolicy({ senders: [], contentGuards: [GUARD], defaultAction: "bounce", ...more }, { lists: ["vip"] });
  return warnings(policy).map(({ path, message }) => `${path} ${message.split(/[:;,]/)[0]}`);
}

describe("warnings", () => {
  it("the example has none", () => {
    expect(warnings(definePolicy(EXAMPLE))).toEqual([]);
  });

  it("each says the way out", () => {
    for (const { message } of warnings(definePolicy({ senders: [], defaultAction: "hold" }))) expect(message).toMatch(/; fix: ./);
  });

  it.each<[string, Partial<PolicyInput>, readonly string[]]>([
    ["nobody may write", { senders: [] }, ["senders names nobody"]],
    [
      "a rule after its domain",
      {
        senders: [
          { match: { domain: "a.example" }, ...limited },
          { match: { address: "x@a.example" }, ...limited },
        ],
      },
      ["senders[1] is never used"],
    ],
    [
      "a rule after its parent domain",
      {
        senders: [
          { match: { domain: "a.example", subdomains: true }, ...limited },
          { match: { domain: "b.a.example", subdomains: true }, ...limited },
        ],
      },
      ["senders[1] is never used"],
    ],
    [
      "the same list again",
      {
        senders: [
          { match: { list: "vip" }, ...limited },
          { match: { list: "vip" }, ...limited },
        ],
      },
      ["senders[1] is never used"],
    ],
    [
      "a rule after `*`",
      {
        senders: [
          { match: { address: "*" }, ...limited },
          { match: { list: "vip" }, ...limited },
        ],
      },
      ["senders[0] matches every sender", "senders[1] is never used"],
    ],
    [
      "a wider rule after a narrower one is fine",
      {
        senders: [
          { match: { domain: "a.example" }, ...limited },
          { match: { domain: "a.example", subdomains: true }, ...limited },
          { match: { domain: "*" }, ...limited },
        ],
      },
      [],
    ],
    [
      "unverified mail",
      { senders: [{ match: { address: "a@b.example", allowUnverified: true }, ...limited }] },
      ["senders[0].match.allowUnverified lets in mail that nothing proves"],
    ],
    [
      "capabilities on little proof",
      { senders: [{ match: { address: "a@b.example" }, ...limited, capabilities: ["x"] }] },
      ["senders[0].match gives capabilities on SPF alone"],
    ],
    ["no rate limit", { senders: [{ match: { address: "a@b.example" }, capabilities: [] }] }, ["senders[0] has no `rateLimit`"]],
    [
      "a limit's action without a limit",
      { senders: [{ match: { address: "a@b.example" }, capabilities: [], onLimit: "defer" }] },
      ["senders[0] has no `rateLimit`", "senders[0].onLimit has no limit to act on"],
    ],
    [
      "a top-level domain",
      { senders: [{ match: { domain: "example", subdomains: true }, ...limited }] },
      ["senders[0].match.domain covers a whole top-level domain `example`"],
    ],
    [
      "a default that needs people",
      { senders: [{ match: { list: "vip" }, ...limited }], defaultAction: "quarantine" },
      ["defaultAction keeps strangers' mail until a person with an oversight key releases or discards it"],
    ],
    [
      "a default that says nothing",
      { senders: [{ match: { list: "vip" }, ...limited }], defaultAction: "drop" },
      ["defaultAction accepts mail and discards it"],
    ],
    ["no content guard", { senders: [{ match: { list: "vip" }, ...limited }], contentGuards: [] }, ["contentGuards has no pattern"]],
    [
      "a guard twice",
      { senders: [{ match: { list: "vip" }, ...limited }], contentGuards: [GUARD, GUARD] },
      ["contentGuards[1].reject repeats `contentGuards[0]`"],
    ],
    ["outbound mail without anything odd", { ...fine, outbound: { allow: ["*.a.example"], block: ["x@a.example"], perHour: 5 } }, []],
    ["nobody to write to", { ...fine, outbound: { allow: [] } }, ["outbound.allow names nobody"]],
    ["`*` beside others", { ...fine, outbound: { allow: ["a.example", "*"] } }, ["outbound.allow has `*` beside other entries"]],
    ["everybody blocked", { ...fine, outbound: { allow: ["a.example"], block: ["*"] } }, ["outbound.block has `*`"]],
    [
      "allowed and blocked",
      {
        ...fine,
        outbound: {
          allow: ["x@a.example", "y@b.example", "c.example", "z@sub.c.example", "*.d.example"],
          block: ["a.example", "*.c.example", "sub.d.example"],
        },
      },
      ["outbound.allow[0] allows `x@a.example`", "outbound.allow[2] allows `c.example`", "outbound.allow[3] allows `z@sub.c.example`"],
    ],
    ["an hour above its day", { ...fine, outbound: { perHour: 20, perDay: 10 } }, ["outbound.perHour is more than `perDay"]],
    [
      "a namespace that is trusted",
      { ...fine, outbound: { approvals: { trustNamespace: true } } },
      ["outbound.approvals.trustNamespace lets whoever may write to the Temporal namespace approve drafts without a key"],
    ],
    [
      "a quorum of nobody in particular",
      { ...fine, outbound: { approvals: { quorum: 2 } } },
      ["outbound.approvals.quorum asks for 2 approvals and names nobody"],
    ],
    [
      "a bound that bounds nothing",
      { ...fine, outbound: { maxMode: "autonomous" } },
      ["outbound.maxMode is the loosest mode and lowers nothing"],
    ],
    [
      "first contact where everything waits",
      { ...fine, outbound: { maxMode: "gated_send", firstContact: "approve" } },
      ["outbound.firstContact adds nothing under `maxMode"],
    ],
  ])("%s", (_, more, expected) => {
    expect(warned(more)).toEqual(expected);
  });

  it("names twenty of many that are allowed and blocked", () => {
    const allow = Array.from({ length: 10_000 }, (_, index) => `a${index}@b.example`);
    expect(warned({ ...fine, outbound: { allow, block: ["b.example"] } })).toHaveLength(20);
  });
});
