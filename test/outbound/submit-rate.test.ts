import { afterAll, beforeAll, expect, it } from "vitest";
import { OutboundWorld } from "./world.ts";

let world: OutboundWorld;
beforeAll(async () => {
  world = await OutboundWorld.open({ env: { POSTERN_LIMIT_SUBMITS_PER_HOUR: "3" } });
});
afterAll(() => world?.close());

it("NY-14 NY-08 dry runs, blocked and invalid submits of a key run out; what becomes a draft does not", async () => {
  const mailbox = await world.mailbox("gated_send", { block: ["enemy.example"] });
  for (let drafts = 0; drafts < 5; drafts += 1) await world.send(mailbox);
  const submit = (more: object, key = mailbox.agent.key) => {
    const letter = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Noon?", ...more };
    return world.request("POST", `/v1/mailboxes/${mailbox.id}/send`, letter, key);
  };
  expect((await submit({ dry_run: true })).status).toBe(200);
  expect((await submit({ to: ["him@enemy.example"] })).status).toBe(403);
  expect((await submit({ to: ["nobody at all"] })).status).toBe(422);
  for (const more of [{ dry_run: true }, {}]) {
    const refused = await submit(more);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_000);
    expect(await refused.json()).toMatchObject({ code: "too_many_requests", fix: expect.stringContaining("3 an hour") });
  }
  const other = await world.person(["send"], [mailbox.id]);
  expect((await submit({ dry_run: true }, other.key)).status).toBe(200);
});
