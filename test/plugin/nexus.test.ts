import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type { WorkerOptions } from "@temporalio/worker";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PosternPlugin } from "../../src/index.ts";
import { replay } from "../../src/testing.ts";
import { CALENDAR } from "./agents.ts";
import { BOSS, BOT, Team, teamBundle } from "./team.ts";

// The SDK's own: what makes handlers of a service.
const { serviceHandler } = createRequire(createRequire(import.meta.url).resolve("@temporalio/worker"))("nexus-rpc") as {
  serviceHandler(service: typeof CALENDAR, handlers: object): NonNullable<WorkerOptions["nexusServices"]>[number];
};

const endpoint = `calendar-${randomBytes(6).toString("hex")}`;
const booked: string[] = [];
let team: Team;
beforeAll(async () => {
  const handlers = {
    book: async (_: unknown, title: string) => (booked.push(title), `booked ${title}`),
    look: async () => "free",
  };
  team = await Team.start({
    plugin: { capabilities: { confirm_meeting: ["nexus:calendar/book"] } },
    worker: { nexusServices: [serviceHandler(CALENDAR, handlers)] },
  });
  const target = { worker: { namespace: "default", taskQueue: team.queue } };
  await team.client.connection.operatorService.createNexusEndpoint({ spec: { name: endpoint, target } });
}, 60_000);
afterAll(() => team?.close());

describe("MB-06 X-35 a Nexus operation", () => {
  it("that a capability names is begun for mail that has it, one that none names for all", async () => {
    const { id, address } = await team.agent("nexusAgent");
    await team.mail(address, { from: BOSS, subject: endpoint });
    expect(await team.notes(id, 1)).toEqual(["booked lunch, free"]);
    expect(booked).toEqual(["lunch"]);
    const { workflowId } = await team.delivery(id);
    const history = await team.client.workflow.getHandle(workflowId).fetchHistory();
    await replay({ workflowBundle: await teamBundle(), plugins: [new PosternPlugin()] }, history, workflowId);
  });

  it("is not begun for mail that lacks it, and that is audited", async () => {
    const before = booked.length;
    const { id, address } = await team.agent("nexusAgent");
    await team.mail(address, { from: BOT, subject: endpoint });
    expect(await team.notes(id, 1)).toEqual(["denied, free"]);
    expect(await team.audit(id)).toContainEqual({ action: "capability.denied", reason: "not_granted" });
    expect(booked).toHaveLength(before);
    const { workflowId } = await team.delivery(id);
    const { events = [] } = await team.client.workflow.getHandle(workflowId).fetchHistory();
    const begun = events!.flatMap(({ nexusOperationScheduledEventAttributes: scheduled }) => scheduled?.operation ?? []);
    expect(begun).toEqual(["look"]);
  });

  it.each(["nexus:calendar", "nexus:/book", "nexus:calendar/", "nexus:"])("%s is the name of none", (name) => {
    expect(() => new PosternPlugin({ capabilities: { confirm_meeting: [name] } })).toThrow("names no operation of a Nexus service");
  });
});
