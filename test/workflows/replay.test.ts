import { Worker } from "@temporalio/worker";
import { beforeAll, describe, expect, it } from "vitest";
import { WORKFLOW } from "../../src/model/names.ts";
import { VERSION } from "../../src/version.ts";
import { workflowBundle } from "../support/bundle.ts";
import { historyIn, payloadsIn, storedHistories, type StoredHistory } from "./histories.ts";
import { PATHS } from "./paths.ts";

let bundle: Awaited<ReturnType<typeof workflowBundle>>;
let stored: readonly StoredHistory[];

beforeAll(async () => {
  [bundle, stored] = await Promise.all([workflowBundle(), storedHistories()]);
});

/** Name and, where the current code does not take the recorded path, what was wrong. */
async function replay(histories: readonly StoredHistory[]): Promise<[string, string | null][]> {
  const given = histories.map(({ name, text }) => ({ workflowId: name, history: historyIn(text) }));
  const results: [string, string | null][] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle: bundle }, given)) {
    results.push([workflowId, error?.name ?? null]);
  }
  return results;
}

describe("DESIGN §9.9 replay", () => {
  it("X-34 every stored history of every version replays with the current workflow code", async () => {
    expect(await replay(stored)).toEqual(stored.map(({ name }) => [name, null]));
  });

  it("every path of every workflow has a history of this version (write them with POSTERN_RECORD=1)", () => {
    expect(stored.map(({ name }) => name)).toEqual(expect.arrayContaining(PATHS.map(({ name }) => `${VERSION}/${name}`)));
    for (const workflow of Object.values(WORKFLOW)) expect(stored.some(({ name }) => name.includes(`/${workflow}-`))).toBe(true);
  });

  it("a history that needed several attempts of a step says so", () => {
    const attempts = payloadsIn(historyNamed("inboundMessage-delivered-after-failures").text).flatMap((payload) => {
      const { activity_type, attempt } = JSON.parse(payload) as { activity_type?: string; attempt?: number };
      return activity_type === undefined ? [] : [[activity_type, attempt]];
    });
    expect(attempts).toEqual([
      ["posternVerify", 3],
      ["posternGuard", 2],
      ["posternBudget", 2],
    ]);
  });

  // The check of the check: without it, a replay that never fails would look the same.
  it.each([
    ["inboundMessage-delivered", "a decision", inPayloads('"outcome":"delivered"', '"outcome":"deferred"')],
    ["inboundMessage-delivered", "the order of steps", inPayloads('"activity_type":"posternGuard"', '"activity_type":"posternBudget"')],
    ["inboundMessage-deferred-by-dns", "a decision", inPayloads('"outcome":"deferred"', '"outcome":"delivered"')],
    ["inboundMessages-together", "the order of steps", inPayloads('"activity_type":"posternGuard"', '"activity_type":"posternBudget"')],
    ["inboundMessages-together", "a step", inPayloads('"activity_type":"posternBudget"', '"activity_type":"posternCopy"')],
    ["holdMessage-released", "a step's name", inText("posternHoldTimes", "posternHoldTimer")],
    ["holdMessage-nothing-waits", "a step's answer", inPayloads("null", '{"remind_at":null,"escalate_at":null,"expires_at":9}')],
    ["outboundMessage-approved", "the order of steps", inPayloads('"activity_type":"posternScreen"', '"activity_type":"posternCopy"')],
    ["outboundMessage-sent", "the order of steps", inPayloads('"activity_type":"posternSendQuick"', '"activity_type":"posternCopy"')],
    ["outboundMessage-sent", "what may be quick", inPayloads('"quick":true', '"quick":false')],
    ["outboundMessage-sent-late", "what came of the quick go", inPayloads('"kind":"late"', '"kind":"unknown"')],
    ["outboundMessage-sent-late", "a step's name", inText("posternSend", "posternSent")],
    ["outboundMessage-rejected", "a person's word", inPayloads('"status":"rejected"', '"status":"approved"')],
    ["upkeep-done", "a step's name", inText("posternCollectBlobs", "posternSweep")],
  ])("%s with %s exchanged does not replay", async (name, _what, tamper) => {
    const history = historyNamed(name);
    const text = tamper(history.text);
    expect(text).not.toBe(history.text);
    expect(await replay([{ name, text }])).toEqual([[name, "DeterminismViolationError"]]);
  });

  it("stored histories name nobody but examples", () => {
    for (const { name, text } of stored) {
      for (const visible of [text, ...payloadsIn(text)]) {
        for (const [, domain] of visible.matchAll(/[\w.+-]@([a-z0-9.-]+\.[a-z]{2,})/gi)) expect(domain, name).toMatch(/\.example$/);
        for (const [ip] of visible.matchAll(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g))
          expect(ip, name).toMatch(/^(?:192\.0\.2|198\.51\.100|203\.0\.113)\./);
      }
    }
  });
});

function historyNamed(name: string): StoredHistory {
  const found = stored.find((history) => history.name === `${VERSION}/${name}`);
  return found ?? expect.fail(`no history \`${name}\``);
}

function inText(from: string, to: string): (text: string) => string {
  return (text) => text.replaceAll(from, to);
}

function inPayloads(from: string, to: string): (text: string) => string {
  const change = (value: unknown): unknown =>
    typeof value === "string" ? Buffer.from(Buffer.from(value, "base64").toString().replaceAll(from, to)).toString("base64") : value;
  return (text) => JSON.stringify(JSON.parse(text, (key, value: unknown) => (key === "data" ? change(value) : value)));
}
