import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { accessKey, makeKey } from "../../src/grants/key.ts";

describe("access keys", () => {
  it("a key is `pst_live_` and 32 characters of 20 random bytes; the store gets its SHA-256", () => {
    const { key, hash, masked } = makeKey((count) => new Uint8Array(count).map((_, at) => at * 11));
    expect(key).toMatch(/^pst_live_[0-9a-hjkmnp-tv-z]{32}$/);
    expect(hash).toBe(createHash("sha256").update(key).digest("hex"));
    expect(masked).toBe(`pst_live_…${key.slice(-3)}`);
  });

  it("the mask of a key from elsewhere shows three characters of it and no more", () => {
    expect(accessKey("operators-own-secret-abc").masked).toBe("…abc");
  });
});
