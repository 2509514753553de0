import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { WORKFLOW } from "../../src/model/names.ts";
import { answerWith } from "./receiver.ts";
import { ChannelWorld } from "./world.ts";

const HOUR = 3_600_000;

it("X-17 a delivery whose workflow was lost is begun again by the upkeep, and forgotten after 30 days", async () => {
  let ahead = 0;
  const world = await ChannelWorld.open({ serve: { clock: () => Date.now() + ahead } });
  try {
    const { box, receiver } = await world.hooked();
    receiver.answer = answerWith(500);
    await world.mail(box);
    await receiver.until(1);
    const { id } = await world.delivery(box, "pending", "http_500");
    await world.temporal.workflow.getHandle(`dsp-${id.slice(4)}`).terminate();
    receiver.answer = answerWith(204);
    const upkeep = (): Promise<unknown> =>
      world.temporal.workflow.execute(WORKFLOW.upkeep, {
        workflowId: `upkeep-${randomBytes(6).toString("hex")}`,
        taskQueue: world.postern.taskQueues.main,
      });
    ahead = 15_000;
    await upkeep();
    expect(await world.delivery(box, "delivered")).toMatchObject({ id, status: 204 });
    ahead = 29 * 24 * HOUR;
    await upkeep();
    expect(await world.deliveries(box)).toHaveLength(1);
    ahead = 31 * 24 * HOUR;
    await upkeep();
    expect(await world.deliveries(box)).toEqual([]);
  } finally {
    await world.close();
  }
});
