import { createPrivateKey, createPublicKey, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { makeDkimKey, openDkimKey } from "../../src/grants/dkim-key.ts";
import { createSealer } from "../../src/grants/seal.ts";

const random = (bytes: number) => new Uint8Array(randomBytes(bytes));
const sealer = createSealer("a secret key of thirty-two characters or more", random);

it("PB-01 a key is RSA with 2,048 bits, kept sealed, and opens to the pair of what is published", async () => {
  const made = await makeDkimKey(sealer, "acme.example", random);
  expect(made.id).toMatch(/^dkm_/);
  expect(made.selector).toMatch(/^pst[0-9a-z]{8}$/);
  const privateKey = createPrivateKey(openDkimKey(sealer, "acme.example", made));
  expect(privateKey.asymmetricKeyType).toBe("rsa");
  expect(privateKey.asymmetricKeyDetails?.modulusLength).toBe(2_048);
  expect(createPublicKey(privateKey).export({ type: "spki", format: "der" }).toString("base64")).toBe(made.public_key);
  expect(made.sealed).not.toContain("PRIVATE");
  expect((await makeDkimKey(sealer, "acme.example", random)).selector).not.toBe(made.selector);
});

it("a key opens for its own domain and selector only", async () => {
  const made = await makeDkimKey(sealer, "acme.example", random);
  expect(() => openDkimKey(sealer, "evil.example", made)).toThrow(/does not open/);
  expect(() => openDkimKey(sealer, "acme.example", { ...made, selector: "pst00000000" })).toThrow(/does not open/);
});
