import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { grantKey, signGrant } from "../../src/grants/sign.ts";
import { verifyGrant } from "../../src/grants/verify.ts";
import { createZoneResolver } from "../../src/mail/dns.ts";
import { INBOUND_OUTCOMES, isFinal } from "../../src/model/decision.ts";
import { ERROR_CODES, PosternError } from "../../src/model/errors.ts";
import type { Finding } from "../../src/model/finding.ts";
import { isId, makeId, type IdPrefix } from "../../src/model/ids.ts";
import { fromFault, toFault } from "../../src/store/sqlite/fault.ts";
import { proposalOf } from "../store/samples.ts";
import { openWorld } from "../store/world.ts";

// What is written is read back as it was. Policies, patterns, addresses, cursors, settings and sealed secrets have this
// property beside their own tests.

const PREFIXES = [
  "ten",
  "msg",
  "thr",
  "mbx",
  "adr",
  "dom",
  "dec",
  "pol",
  "key",
  "aud",
  "rcp",
  "jti",
] as const satisfies readonly IdPrefix[];
const prefixes = fc.constantFrom(...PREFIXES);
/** The lengths that ids are made of, and those that a hash has. */
const idBytes = fc.uint8Array({ minLength: 10, maxLength: 40 });
/** Text of senders and operators, in all its writings; never a lone surrogate (those end where bytes are read). */
const texts = fc.string({ unit: "grapheme", maxLength: 40 });

describe("what is written is read back as it was", () => {
  it("ids: made of bytes they are ids, of their own kind only, and the bytes are in them", () => {
    fc.assert(
      fc.property(prefixes, prefixes, idBytes, (prefix, other, bytes) => {
        const id = makeId(prefix, bytes);
        expect(isId(prefix, id)).toBe(true);
        expect(isId(other, id)).toBe(other === prefix);
        expect(bytesOf(id.slice(prefix.length + 1), bytes.length)).toEqual([...bytes]);
      }),
    );
  });

  it("ids: a character more, less or of another alphabet is none", () => {
    fc.assert(
      fc.property(prefixes, fc.string({ maxLength: 70 }), (prefix, text) => {
        const wanted = /^[0-9abcdefghjkmnpqrstvwxyz]{16,64}$/.test(text);
        expect(isId(prefix, `${prefix}_${text}`)).toBe(wanted);
        expect(isId(prefix, text)).toBe(false);
      }),
    );
  });

  it("grants: what was signed is what is verified", async () => {
    const key = grantKey(new Uint8Array(32).fill(3), "postern");
    const now = Date.parse("2026-11-21T10:00:00Z");
    await fc.assert(
      fc.asyncProperty(idBytes, texts, fc.array(texts, { maxLength: 20 }), texts, async (bytes, agent, capabilities, policy) => {
        const ids = { tenant: makeId("ten", bytes), mailbox: makeId("mbx", bytes), message: makeId("msg", bytes) };
        const subject = { ...ids, thread: makeId("thr", bytes), agent, capabilities, policy };
        const check = await verifyGrant(key, await signGrant(key, subject, now, bytes), now);
        expect(check).toMatchObject({
          ok: true,
          claims: {
            tenant: ids.tenant,
            mbx: ids.mailbox,
            msg: ids.message,
            thr: subject.thread,
            sub: agent,
            cap: capabilities,
            pol: policy,
          },
        });
      }),
    );
  });

  it("zones: every record is answered as it is written, in any letter case, and nothing else is there", async () => {
    const names = fc.stringMatching(/^[a-z0-9-]{1,10}\.example$/);
    const zones = fc.dictionary(names, fc.record({ TXT: fc.array(texts, { maxLength: 3 }), A: fc.array(fc.ipV4(), { maxLength: 2 }) }));
    await fc.assert(
      fc.asyncProperty(zones, names, async (zone, other) => {
        const resolve = createZoneResolver(JSON.parse(JSON.stringify(zone)));
        for (const [name, { TXT, A }] of Object.entries(zone)) {
          expect(await resolve(name.toUpperCase(), "txt")).toEqual(TXT.map((text) => [text]));
          expect(await resolve(name, "A")).toEqual(A);
          await expect(resolve(name, "MX")).rejects.toMatchObject({ code: "ENODATA" });
        }
        if (!Object.hasOwn(zone, other)) await expect(resolve(other, "TXT")).rejects.toMatchObject({ code: "ENOTFOUND" });
      }),
    );
  });

  it("decisions: what is recorded is what everybody reads, whatever its texts", async () => {
    const world = await openWorld();
    const findings: fc.Arbitrary<Finding> = fc.record({
      guard: texts,
      code: texts,
      severity: fc.constantFrom(0, 1, 2, 3),
      score: fc.double({ min: 0, max: 1, noNaN: true }).map((score) => score + 0),
      where: fc.constantFrom("subject", "text", "hidden"),
    });
    const proposals = fc.record({
      outcome: fc.constantFrom(...INBOUND_OUTCOMES),
      reason: texts,
      rule_index: fc.option(fc.nat()),
      capabilities: fc.array(texts, { maxLength: 4 }),
      findings: fc.array(findings, { maxLength: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(proposals, async (proposal) => {
        const asked = proposalOf(world, { proposal });
        const decision = await world.store.run("inbound.decide", asked);
        expect(decision).toMatchObject(proposal);
        const final = await world.store.run("decisions.final", { message: decision.message, stage: "inbound" });
        expect(final).toEqual(isFinal(decision.outcome) ? decision : null);
        const row = await world.store.run("decisions.get", { tenant: world.tenant, id: decision.id });
        expect(row).toMatchObject({ decision, final: isFinal(decision.outcome) });
      }),
      { numRuns: 50 },
    );
  });

  it("errors: they cross from a store thread as they were", () => {
    const errors = fc.record({
      code: fc.constantFrom(...ERROR_CODES),
      message: texts,
      temporary: fc.boolean(),
      fix: fc.option(texts, { nil: undefined }),
      detail: fc.option(texts, { nil: undefined }),
      problems: fc.array(fc.record({ path: texts, message: texts }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(errors, ({ code, message, fix, detail, ...rest }) => {
        const error = new PosternError(code, message, {
          ...rest,
          ...(fix === undefined ? {} : { fix }),
          ...(detail === undefined ? {} : { detail }),
        });
        const crossed = fromFault(structuredClone(toFault(error)));
        expect({ ...crossed, message: crossed.message }).toEqual({ ...error, message });
      }),
    );
  });
});

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Crockford base32 read back, independently of the product. */
function bytesOf(text: string, length: number): number[] {
  const bits = [...text].map((character) => ALPHABET.indexOf(character).toString(2).padStart(5, "0")).join("");
  return Array.from({ length }, (_, index) => Number.parseInt(bits.slice(index * 8, index * 8 + 8), 2));
}
