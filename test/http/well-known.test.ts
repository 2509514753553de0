import { createLocalJWKSet, importJWK, type JSONWebKeySet, type JWK } from "jose";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startRig, type Rig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.stop());

it("MM-19 the key that signs identity headers is there for anybody, under both names and as a set", async () => {
  const [key, alias, set] = await Promise.all(
    ["postern-signing-key", "multimail-signing-key", "jwks.json"].map((name) => rig.call("GET", `/.well-known/${name}`, { key: null })),
  );
  expect(key?.status).toBe(200);
  expect(key?.body).toEqual(rig.deps.identity);
  expect(Object.keys(key?.body as object)).not.toContain("d");
  expect(alias?.body).toEqual(key?.body);
  expect(set?.body).toEqual({ keys: [key?.body] });
  await expect(importJWK(key?.body as JWK)).resolves.toMatchObject({ type: "public" });
  expect(() => createLocalJWKSet(set?.body as JSONWebKeySet)).not.toThrow();
});

it("MM-19 may be kept for an hour, and used by pages of others", async () => {
  const { headers } = await rig.call("GET", "/.well-known/jwks.json", { key: null });
  expect(headers.get("cache-control")).toBe("public, max-age=3600");
  expect(headers.get("cross-origin-resource-policy")).toBe("cross-origin");
  expect(headers.get("content-type")).toContain("application/json");
});
