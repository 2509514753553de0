import { describe, expect, it } from "vitest";

type Refusal = (from: string, to: string, isType: boolean) => string | null;
// The linter's own rule: plain JavaScript, because the linter loads it.
const { refusal } = (await import(new URL("../.ci/layers.mjs", import.meta.url).href)) as { refusal: Refusal };

describe("an import arrow points only down", () => {
  it.each([
    ["src/smtp/door.ts", "src/gate.ts"],
    ["src/smtp/door.ts", "src/mail/limits.ts"],
    ["src/smtp/door.ts", "src/smtp/peers.ts"],
    ["src/gate.ts", "src/store/contract.ts"],
    ["workflows/inbound.ts", "src/model/names.ts"],
    ["activities/guard.ts", "policies/inbound.ts"],
    ["activities/dispatch.ts", "src/channels/webhook.ts"],
    ["activities/send.ts", "src/transports/smtp.ts"],
    ["activities/revive.ts", "src/gate/revive.ts"],
    ["src/serve.ts", "src/smtp/door.ts"],
    ["src/cli/main.ts", "src/serve.ts"],
    ["test/smtp/door.test.ts", "src/transports/smtp.ts"],
  ])("%s may import %s", (from, to) => {
    expect(refusal(from, to, false)).toBeNull();
  });

  it.each([
    ["src/model/ids.ts", "src/mail/limits.ts"],
    ["src/mail/parse.ts", "src/store/contract.ts"],
    ["policies/inbound.ts", "src/store/contract.ts"],
    ["src/smtp/door.ts", "workflows/inbound.ts"],
    ["src/smtp/door.ts", "src/transports/smtp.ts"],
    ["src/http/app.ts", "src/smtp/door.ts"],
    ["src/http/app.ts", "src/config.ts"],
    ["src/gate.ts", "workflows/inbound.ts"],
    ["workflows/inbound.ts", "activities/index.ts"],
    ["workflows/inbound.ts", "src/store/contract.ts"],
    ["activities/guard.ts", "src/transports/smtp.ts"],
    ["activities/guard.ts", "src/channels/webhook.ts"],
    ["activities/guard.ts", "src/gate.ts"],
    ["src/store/sqlite.ts", "src/dev/temporal.ts"],
    ["src/store/sqlite.ts", "test/support/temporal.ts"],
    ["src/novelty/thing.ts", "src/model/ids.ts"],
  ])("%s may not import %s", (from, to) => {
    expect(refusal(from, to, false)).toMatch(/must not import|has no place/);
  });

  it("lets workflows name the types of activities, and nothing else of them", () => {
    expect(refusal("workflows/inbound.ts", "activities/index.ts", true)).toBeNull();
    expect(refusal("workflows/inbound.ts", "src/store/contract.ts", true)).not.toBeNull();
  });
});
