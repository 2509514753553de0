import { dispatchWorkflowId, holdWorkflowId, type DispatchId, type MessageId } from "../../src/model/ids.ts";
import { answerWith, type Answer, type Receiver } from "../channels/receiver.ts";
import type { Path, Run, World } from "./paths.ts";

interface At {
  readonly id: string;
  readonly address: string;
}

/** What these paths are walked with. */
export interface Tools {
  /** A mailbox that lets the boss in, or holds what he writes. */
  mailbox(world: World, hold: boolean): Promise<At>;
  /** The boss writes to it. */
  deliver(world: World, at: At): Promise<void>;
  runOf(world: World, at: At, outcome: string): Promise<Run>;
}

/** Every way a delivery by a channel can go, and what begins one. */
export function dispatchPaths({ mailbox, deliver, runOf }: Tools): readonly Path[] {
  /** Mail to a mailbox whose webhook answers like this. */
  const hooked = async (world: World, answers: readonly Answer[], hold = false): Promise<{ at: At; receiver: Receiver }> => {
    const [at, receiver, left] = [await mailbox(world, hold), await world.receiver(), [...answers]];
    receiver.answer = (response, received) => (left.length > 1 ? left.shift()! : left[0]!)(response, received);
    const { http } = world.postern;
    const { id } = await http.send<{ id: string }>("POST", "/v1/webhooks", { url: receiver.url });
    await http.send("PATCH", `/v1/mailboxes/${at.id}`, { channels: [{ kind: "webhook", webhook_id: id }] });
    await deliver(world, at);
    return { at, receiver };
  };
  const deliveryOf = async ({ postern }: World, { id }: At): Promise<DispatchId> => {
    const { items } = await postern.http.get<{ items: { id: DispatchId }[] }>(`/v1/mailboxes/${id}/deliveries`);
    return items[0]!.id;
  };
  const path = (name: string, completed: object, walk: Path["walk"]): Path => ({ name, ends: { completed }, walk });
  const delivery = (name: string, completed: object, answers: readonly Answer[]): Path =>
    path(`dispatchMessage-${name}`, completed, async (world) => {
      const { at, receiver } = await hooked(world, answers);
      await receiver.until(answers.length);
      return { workflowId: dispatchWorkflowId(await deliveryOf(world, at)) };
    });
  return [
    delivery("delivered", { state: "delivered", reason: null }, [answerWith(204)]),
    delivery("delivered-after-retries", { state: "delivered" }, [answerWith(500), answerWith(429), answerWith(204)]),
    delivery("dead", { state: "dead", reason: "http_410" }, [answerWith(410)]),
    path("dispatchMessage-replayed", { state: "delivered" }, async (world) => {
      const { at, receiver } = await hooked(world, [answerWith(410), answerWith(204)]);
      await receiver.until(1);
      const id = await deliveryOf(world, at);
      const workflowId = dispatchWorkflowId(id);
      await world.client.workflow.getHandle(workflowId).result();
      await world.postern.http.send("POST", `/v1/mailboxes/${at.id}/deliveries/${id}/replay`, null);
      await receiver.until(2);
      return { workflowId };
    }),
    path("inboundMessage-dispatched", { outcome: "delivered" }, async (world) => {
      const { at } = await hooked(world, [answerWith(204)]);
      return runOf(world, at, "delivered");
    }),
    path("holdMessage-dispatched", { status: "approved" }, async (world) => {
      const { at, receiver } = await hooked(world, [answerWith(204)], true);
      const { items } = await world.postern.http.get<{ items: { id: MessageId }[] }>(`/v1/mailboxes/${at.id}/messages`);
      const message = items[0]!.id;
      await world.postern.http.send("POST", `/v1/messages/${message}/release`, { note: "checked" });
      await receiver.until(1);
      return { workflowId: holdWorkflowId(message) };
    }),
  ];
}
