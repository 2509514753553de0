import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { scanOutgoing } from "../../src/guards/outgoing.ts";
import { textOf } from "../../src/guards/place.ts";
import { redact } from "../../src/guards/redact.ts";
import type { Finding, GuardedPlace } from "../../src/model/finding.ts";
import { armour, cards, ibans, JWT, TOKENS, withChecksum } from "./secret-samples.ts";
import { views } from "./views.ts";

/** As a reviewer is shown it: the first thing seen in a text. */
function shown(text: string): string {
  const given = views({ text });
  const { code, where, span } = scanOutgoing(given)[0] as Finding;
  const seen = textOf(given, where as GuardedPlace).slice(span!.offset, span!.offset + span!.length);
  return redact(code, seen);
}

describe("a preview", () => {
  it.each([
    ["card 4111 1111 1111 1111", "4••• •••• •••• 1111"],
    ["card 4111-1111-\n> 1111-1111", "4••• •••• •••• 1111"],
    ["card ４１１１１１１１１１１１１１１１", "4••• •••• •••• 1111"],
    ["amex 378282246310005", "3••• •••• •••0 005"],
    ["DE89 3704 0044 0532 0130 00", "DE•• •••• •••• •••• ••30 00"],
    ["postgres://app:hunter22@db.acme.example/app", "postgres://••••@db.acme.example"],
    [withChecksum("ghp_"), `ghp_••••${withChecksum("ghp_").slice(-3)}`],
    [armour("OPENSSH PRIVATE KEY"), "BEGIN OPENSSH PRIVATE KEY ••••"],
    [`AKIA${"QWERTYUIOPASDFGH"}`, "AKIA••••"],
    [JWT, `••••${JWT.slice(-3)}`],
  ])("X-11 of %j is %s", (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  it("X-11 of a key file is its name, without what a person would not see", () => {
    expect(redact("key_file", "id_\u200brsa\n")).toBe("id_ rsa ");
  });

  it("X-11 of a kind nobody knows is nothing", () => {
    expect(redact("later", "secret")).toBe("••••");
  });

  it("X-11 gives nobody enough to use it: at most four characters in a row of what nobody else has", () => {
    for (const [code, text] of TOKENS) {
      const preview = redact(code, text);
      const [prefix, rest = ""] = preview.split("••••");
      expect(text.includes(prefix ?? "") || code === "private_key").toBe(true);
      expect(rest.length).toBeLessThanOrEqual(3);
      expect(preview).toContain("••••");
    }
    fc.assert(
      fc.property(fc.oneof(cards, ibans), (number) => {
        const digits = shown(number).replaceAll(/[ •]/g, "");
        expect(digits.length).toBeLessThanOrEqual(6);
      }),
    );
  });

  it("X-11 is total and short, whatever the text", () => {
    const kinds = fc.constantFrom("payment_card", "iban", "private_key", "connection_string", "jwt", "api_key", "key_file", "x");
    fc.assert(
      fc.property(kinds, fc.string({ unit: "binary", maxLength: 400 }), (kind, text) => {
        expect(redact(kind, text).length).toBeLessThanOrEqual(120);
      }),
    );
  });
});
