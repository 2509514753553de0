import { Script, type Context, type RunningScriptOptions } from "node:vm";
import { expect, it, onTestFinished, vi } from "vitest";
import { makeSigner, sign, write } from "../support/signer.ts";
import { openGateRig } from "./gate-rig.ts";

const acme = makeSigner("acme.example", "192.0.2.1");

/** The limits of time, in milliseconds, under which scripts are run in this thread from now on. */
function limitsOfScripts(): readonly (number | undefined)[] {
  const limits: (number | undefined)[] = [];
  const { runInContext } = Script.prototype;
  onTestFinished(() => void (Script.prototype.runInContext = runInContext));
  Script.prototype.runInContext = function (context: Context, options: RunningScriptOptions = {}): unknown {
    limits.push(options.timeout);
    return runInContext.call(this, context, options);
  };
  return limits;
}

it("no thread is started to watch how long a workflow of Postern computes", async () => {
  // On this thread, where it can be seen.
  vi.stubEnv("TEMPORAL_DEBUG", "1");
  onTestFinished(() => void vi.unstubAllEnvs());
  const limits = limitsOfScripts();
  const rig = await openGateRig([acme]);
  onTestFinished(() => rig.close());
  const opened = limits.length;
  const sender = "boss@acme.example";
  const bytes = await sign(write({ from: sender, text: "Hello." }), acme);
  const { answer } = await rig.receive(await rig.mailbox(), { bytes, sender, ip: acme.ip });
  expect(answer).toMatchObject({ kind: "decided", decision: { outcome: "delivered" } });
  expect(limits.length).toBeGreaterThan(opened);
  expect(new Set(limits)).toEqual(new Set([undefined]));
});
