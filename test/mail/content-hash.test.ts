import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { contentHash, type ApprovedContent } from "../../src/mail/content-hash.ts";

const content: ApprovedContent = {
  tenant: "ten_0123456789abcdef",
  mailbox: "mbx_0123456789abcdef",
  envelope_sender: "assistant@acme.example",
  recipients: [
    { kind: "to", address: "boss@partner.example" },
    { kind: "bcc", address: "ällen@partner.example" },
  ],
  mime: "0".repeat(64),
};

it("DESIGN §4.2 is the SHA-256 of the prefix and the canonical JSON, as anybody can compute it", () => {
  const json =
    '{"envelope_sender":"assistant@acme.example","mailbox":"mbx_0123456789abcdef","mime":"0000000000000000000000000000000000000000000000000000000000000000",' +
    '"recipients":[{"address":"boss@partner.example","kind":"to"},{"address":"ällen@partner.example","kind":"bcc"}],"tenant":"ten_0123456789abcdef"}';
  const expected = createHash("sha256").update(`postern-approval-v1\n${json}`).digest("hex");
  expect(contentHash(content)).toBe(expected);
});

it("MM-11 every part of the content changes it, the order of recipients does not", () => {
  const changes: Partial<ApprovedContent>[] = [
    { tenant: "ten_0123456789abcdeg" },
    { mailbox: "mbx_0123456789abcdeg" },
    { envelope_sender: "other@acme.example" },
    { mime: "1".repeat(64) },
    { recipients: content.recipients.slice(1) },
    { recipients: content.recipients.map((one) => ({ ...one, kind: "cc" })) },
  ];
  const hashes = [content, ...changes.map((change) => ({ ...content, ...change }))].map(contentHash);
  expect(new Set(hashes).size).toBe(hashes.length);
  expect(contentHash({ ...content, recipients: content.recipients.toReversed() })).toBe(contentHash(content));
});

it("the order of any recipients does not matter", () => {
  const recipient = fc.record({ kind: fc.constantFrom("to" as const, "cc" as const, "bcc" as const), address: fc.string() });
  fc.assert(
    fc.property(fc.array(recipient, { maxLength: 10 }), fc.infiniteStream(fc.nat()), (recipients, order) => {
      const shuffled = recipients.map((one) => ({ one, at: order.next().value ?? 0 })).sort((a, b) => a.at - b.at);
      expect(contentHash({ ...content, recipients: shuffled.map(({ one }) => one) })).toBe(contentHash({ ...content, recipients }));
    }),
  );
});
