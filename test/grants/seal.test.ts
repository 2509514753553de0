import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seal, unseal } from "../../src/grants/seal.ts";

const KEY = "a secret key of thirty-two characters or more";
const OTHER = "another secret key of thirty-two characters";
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));

describe("sealing", () => {
  it("unseal is the inverse of seal for any secret and any name", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (secret, name) => {
        expect(unseal(KEY, name, seal(KEY, name, secret, random))).toEqual(Buffer.from(secret));
      }),
    );
  });

  it("another secret key does not open it, and the error says what to do", () => {
    const sealed = seal(KEY, "signing-key", random(32), random);
    expect(() => unseal(OTHER, "signing-key", sealed)).toThrow(
      expect.objectContaining({ code: "invalid_config", fix: expect.stringContaining("POSTERN_SECRET_KEY") as string }),
    );
  });

  it("one secret cannot be put in the place of another", () => {
    const sealed = seal(KEY, "webhook", random(32), random);
    expect(() => unseal(KEY, "signing-key", sealed)).toThrow(/does not open/);
  });

  it("any changed character is noticed", () => {
    const sealed = seal(KEY, "n", Buffer.from("secret"), random);
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), (at) => {
        const changed = sealed.slice(0, at) + (sealed[at] === "A" ? "B" : "A") + sealed.slice(at + 1);
        // The last character of base64url carries bits that no byte uses.
        fc.pre(
          !Buffer.from(changed.split(".")[2] ?? "", "base64url").equals(Buffer.from(sealed.split(".")[2] ?? "", "base64url")) || at < 19,
        );
        expect(() => unseal(KEY, "n", changed)).toThrow(/does not open/);
      }),
    );
  });

  it("a short secret key is refused with the way out", () => {
    expect(() => seal("too short", "n", random(1), random)).toThrow(
      expect.objectContaining({ code: "invalid_config", fix: expect.stringContaining("openssl") as string }),
    );
  });

  it("the sealed text does not hold the secret", () => {
    const secret = Buffer.from("canary-canary-canary-canary");
    expect(Buffer.from(seal(KEY, "n", secret, random).split(".")[2] ?? "", "base64url").includes(secret)).toBe(false);
  });
});
