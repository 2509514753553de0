import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import type { OutboundDeps } from "../../activities/deps.ts";
import { createSigners } from "../../activities/signers.ts";
import { identityKey } from "../../src/grants/identity-key.ts";
import { createSealer } from "../../src/grants/seal.ts";
import type { OutboundInput } from "../../src/model/outbound.ts";
import type { Store } from "../../src/store/contract.ts";
import { addTenant, newDomain } from "../store/samples.ts";
import { openStore } from "../store/world.ts";

it("MB-19 the first mails of a local domain make one key however many leave at once, and a key that could not be kept is made again", async () => {
  const { store } = await openStore();
  const domain = newDomain();
  const { tenant } = await addTenant(store, domain);
  let asked = 0;
  const run = ((...question: Parameters<Store["run"]>) => {
    if (question[0] === "dkim.signing" && (asked += 1) === 1) return Promise.reject(new Error("the store is away"));
    return store.run(...question);
  }) as Store["run"];
  const deps = {
    store: { run },
    sealer: createSealer(randomBytes(32).toString("base64"), randomBytes),
    random: randomBytes,
    clock: Date.now,
  };
  const signers = createSigners({ ...deps, identity: identityKey(Buffer.alloc(32, 7)) } as unknown as OutboundDeps);
  const sign = () => signers({ tenant, in_reply_to: null } as OutboundInput, "autonomous", `assistant@${domain}`);
  const failed = await Promise.allSettled(Array.from({ length: 12 }, sign));
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(["rejected"]));
  const signed = await Promise.all(Array.from({ length: 12 }, sign));
  expect(new Set(signed.map(({ dkim }) => dkim.private_key)).size).toBe(1);
  expect(asked).toBe(2);
});
