import { expect, it } from "vitest";
import { decisionLeaf } from "../../src/audit/leaf.ts";
import type { Decision } from "../../src/model/decision.ts";

const decision: Decision = {
  id: "dec_0000000000000000",
  message: "msg_0000000000000000",
  run: "run",
  direction: "inbound",
  stage: "inbound",
  outcome: "delivered",
  reason: "sender_rule",
  judged_at: "admitted",
  rule_index: 0,
  policy: { id: "pol_0000000000000000", version: 1, digest: "d" },
  findings: [],
  verification: { spf: "pass", dkim: "pass", dmarc: "pass", arc: "none", from_alignment: { spf: true, dkim: true } },
  capabilities: ["read_calendar"],
  reservations: [{ ledger: "rate", scope: "sender", amount: 1 }],
  supersedes: null,
  at: "2026-11-21T12:00:00.000Z",
  actor: "postern",
};

// Written leaves are never changed, so neither may their form be: a new form is a new `v`.
it("a leaf of version 1 has these bytes and this hash for ever", () => {
  const { leaf, leaf_hash } = decisionLeaf(
    {
      id: "aud_0000000000000000",
      tenant: "ten_0000000000000000",
      mailbox: "mbx_0000000000000000",
      thread: "thr_0000000000000000",
      decision,
      trace: { workflow_id: "in-0000000000000000", run_id: "run", activity_id: "3" },
      body_sha256: null,
      addresses: { from: "boss@acme.example", envelope_sender: "", recipient: "assistant@acme.example", ip: null },
    },
    "salt",
  );
  expect(leaf).toMatchInlineSnapshot(
    `"{"action":"decision","activity_id":"3","actor":"postern","at":"2026-11-21T12:00:00.000Z","body_sha256":null,"capabilities":["read_calendar"],"decision":"dec_0000000000000000","direction":"inbound","findings":[],"hmac":{"envelope_sender":null,"from":"d931769bb6b4229fd797201313e1311fa15e57c71c1b75a681d007c1e309e066","ip":null,"recipient":"d1b71c940051485d7d5041d3628abc11477f896a30d8193a4aaa9d04859eb7bb"},"id":"aud_0000000000000000","judged_at":"admitted","mailbox":"mbx_0000000000000000","message":"msg_0000000000000000","outcome":"delivered","policy":{"digest":"d","id":"pol_0000000000000000","version":1},"reason":"sender_rule","reservations":[{"amount":1,"ledger":"rate","scope":"sender"}],"rule_index":0,"run_id":"run","stage":"inbound","supersedes":null,"tenant":"ten_0000000000000000","thread":"thr_0000000000000000","v":1,"verification":{"arc":"none","dkim":"pass","dmarc":"pass","from_alignment":{"dkim":true,"spf":true},"spf":"pass"},"workflow_id":"in-0000000000000000"}"`,
  );
  expect(leaf_hash).toMatchInlineSnapshot(`"2656aa8cd69b18034b525376ccbc7208377f0d2bf3af07dd8876457a712ce907"`);
});
