import { createPublicKey, randomBytes, sign, verify } from "node:crypto";
import { calculateJwkThumbprint } from "jose";
import { expect, it } from "vitest";
import { identityKey } from "../../src/grants/identity-key.ts";

it("MM-19 a seed is always the same P-256 key, published under its RFC 7638 thumbprint, without the private part", async () => {
  const seed = randomBytes(32);
  const key = identityKey(seed)!;
  expect(identityKey(seed)).toEqual(key);
  expect(Object.keys(key.jwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  expect(key.kid).toBe(await calculateJwkThumbprint(key.jwk));
  expect(key.jwk.kid).toBe(key.kid);
  const signature = sign("sha256", Buffer.from("hello"), key.private_key);
  expect(verify("sha256", Buffer.from("hello"), createPublicKey({ key: { ...key.jwk }, format: "jwk" }), signature)).toBe(true);
});

it("a seed that is no number of the curve is none", () => {
  expect(identityKey(Buffer.alloc(32))).toBeNull();
  expect(identityKey(Buffer.alloc(32, 0xff))).toBeNull();
});
