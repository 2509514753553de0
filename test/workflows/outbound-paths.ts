import { setTimeout as pause } from "node:timers/promises";
import { WorkflowNotFoundError } from "@temporalio/client";
import { outboundWorkflowId, holdWorkflowId, type MessageId } from "../../src/model/ids.ts";
import { LIMITED_FAILURE } from "../../src/model/names.ts";
import { CUT, HANG } from "../support/smtp-peer.ts";
import { codeOf, LOOK_MS, type Draft, type Mailbox, type OutboundWorld, type Person } from "../outbound/world.ts";
import type { End, Path } from "./paths.ts";

type Walk = (world: OutboundWorld) => Promise<Pick<Draft, "id">>;

const outbound = (name: string, state: string, walk: Walk): Path => ({
  name: `outboundMessage-${name}`,
  ends: { completed: { state } },
  walk: async (world) => {
    world.outbound.peer.script = () => undefined;
    const { id } = await walk(world.outbound);
    return { workflowId: outboundWorkflowId(id) };
  },
});

/** A draft that waits for people, and one of them. */
async function waiting(world: OutboundWorld, outboundRules: object = {}) {
  const mailbox = await world.mailbox("gated_send", outboundRules);
  const draft = await world.send(mailbox);
  const overseer = await world.person(["oversight"]);
  return { mailbox, draft, overseer, decide: (body: object, person = overseer) => decide(world, person, mailbox, draft, body) };
}

type Waiting = Pick<Draft, "id">;

function decide(world: OutboundWorld, person: Person, mailbox: Mailbox, draft: Waiting, body: object): Promise<unknown> {
  return heard(world, draft, () => person.send("POST", `/v1/mailboxes/${mailbox.id}/decide/${draft.id}`, body));
}

/** A person is answered before the workflow has heard; a path goes on when it has, so that every history of it is alike. */
async function heard<T>({ temporal }: OutboundWorld, { id }: Waiting, attempt: () => Promise<T>): Promise<T> {
  const workflow = temporal.workflow.getHandle(outboundWorkflowId(id));
  const count = async (): Promise<number> => {
    const { events } = await workflow.fetchHistory();
    return events?.filter((event) => event.workflowExecutionUpdateCompletedEventAttributes).length ?? 0;
  };
  const before = await count();
  try {
    return await attempt();
  } finally {
    while ((await count()) === before) await pause(LOOK_MS);
  }
}

async function sentInMode(world: OutboundWorld, mode: "autonomous" | "monitored"): Promise<Draft> {
  return world.send(await world.mailbox(mode));
}

async function cancel(world: OutboundWorld, mailbox: Mailbox, draft: Draft): Promise<void> {
  await heard(world, draft, () => world.request("DELETE", `/v1/drafts/${draft.id}`, undefined, mailbox.agent.key));
}

const soon = (): string => new Date(Date.now() + 1_000).toISOString();

/** Every way a draft can go. */
export const OUTBOUND_PATHS: readonly Path[] = [
  outbound("sent", "sent", (world) => sentInMode(world, "autonomous")),
  outbound("sent-after-retries", "sent", async (world) => {
    let tries = 0;
    world.peer.script = (step) => (step === "mail" && (tries += 1) < 3 ? "451 4.3.0 later" : undefined);
    const draft = await sentInMode(world, "autonomous");
    await world.ended(draft);
    return draft;
  }),
  outbound("sent-late", "sent", async (world) => {
    let silent = 0;
    world.peer.script = (step) => (step === "mail" && (silent += 1) === 1 ? HANG : undefined);
    const draft = await sentInMode(world, "autonomous");
    await world.ended(draft);
    return draft;
  }),
  outbound("failed", "failed", async (world) => {
    world.peer.script = (step) => (step === "dot" ? "554 5.7.1 no" : undefined);
    const draft = await sentInMode(world, "autonomous");
    await world.ended(draft);
    return draft;
  }),
  outbound("blocked", "blocked", async (world) => {
    const mailbox = await world.mailbox("autonomous", { block: ["elsewhere.example"] });
    await codeOf(world.send(mailbox));
    const { items } = await mailbox.agent.get<{ items: Draft[] }>(`/v1/mailboxes/${mailbox.id}/drafts`);
    return items[0]!;
  }),
  {
    name: "outboundMessage-limited",
    ends: { failed: LIMITED_FAILURE, because: "send_limit_per_hour" },
    async walk({ outbound: world }) {
      const mailbox = await world.mailbox("autonomous", { perHour: 1 });
      await world.ended(await world.send(mailbox));
      const refused = await world.request(
        "POST",
        `/v1/mailboxes/${mailbox.id}/send`,
        { to: ["a@elsewhere.example"], subject: "", markdown: "a" },
        mailbox.agent.key,
      );
      const { decision_id } = (await refused.json()) as { decision_id: string };
      const { decision } = await world.postern.http.get<{ decision: { message_id: MessageId } }>(`/v1/decisions/${decision_id}/explain`);
      return { workflowId: outboundWorkflowId(`drf_${decision.message_id.slice("msg_".length)}`) };
    },
  },
  outbound("approved", "sent", async (world) => {
    const { draft, decide } = await waiting(world);
    await decide({ action: "approve" });
    return draft;
  }),
  outbound("approved-by-two", "sent", async (world) => {
    const { draft, decide } = await waiting(world, { approvals: { quorum: 2 } });
    await decide({ action: "approve" });
    await codeOf(decide({ action: "approve" }));
    await decide({ action: "approve" }, await world.person(["oversight"]));
    return draft;
  }),
  outbound("rejected", "rejected", async (world) => {
    const { draft, decide } = await waiting(world);
    await decide({ action: "reject", reason: "not to him" });
    return draft;
  }),
  outbound("edited", "sent", async (world) => {
    const { mailbox, draft, overseer, decide } = await waiting(world);
    const words = { to: ["boss@elsewhere.example"], subject: "Friday", markdown: "Better words." };
    await heard(world, draft, () => overseer.send("POST", `/v1/pending/${draft.id}/edit`, words));
    const { content_hash } = await world.draft(mailbox, draft);
    await decide({ action: "approve", content_hash }, await world.person(["oversight"]));
    return draft;
  }),
  outbound("expired", "expired", async (world) => {
    const { draft } = await waiting(world, { approvals: { expireAfter: "1 s" } });
    await world.ended(draft);
    return draft;
  }),
  outbound("cancelled", "cancelled", async (world) => {
    const { mailbox, draft } = await waiting(world);
    await cancel(world, mailbox, draft);
    return draft;
  }),
  outbound("scheduled", "sent", async (world) => world.send(await world.mailbox("autonomous"), { send_at: soon() })),
  outbound("scheduled-cancelled", "cancelled", async (world) => {
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox, { send_at: new Date(Date.now() + 3_600_000).toISOString() });
    await cancel(world, mailbox, draft);
    return draft;
  }),
  outbound("held-at-its-time", "sent", async (world) => {
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox, { send_at: soon() });
    await world.patch(mailbox.id, { oversight_mode: "gated_send" });
    await world.until(mailbox, draft, "pending_send_approval");
    await decide(world, await world.person(["oversight"]), mailbox, draft, { action: "approve" });
    return draft;
  }),
  outbound("stopped-and-started", "sent", async (world) => {
    const mailbox = await world.mailbox("autonomous");
    const draft = await world.send(mailbox, { send_at: soon() });
    await world.postern.http.send("POST", `/v1/mailboxes/${mailbox.id}/stop`, {});
    while ((await world.draft(mailbox, draft)).reason !== "stopped_mailbox");
    await world.postern.http.send("POST", `/v1/mailboxes/${mailbox.id}/start`, {});
    return draft;
  }),
  outbound("resent", "sent", async (world) => {
    const draft = await unknown(world);
    await draft.decide({ action: "resend", reason: "it never came" });
    return draft;
  }),
  outbound("settled", "failed", async (world) => {
    const draft = await unknown(world);
    await draft.decide({ action: "settle", as: "failed", reason: "it never came" });
    return draft;
  }),
  outbound("copied", "sent", async (world) => {
    const mailbox = await world.mailbox("monitored");
    await world.patch(mailbox.id, { oversight_address: "overseer@acme-people.example" });
    return world.send(mailbox);
  }),
];

/** Cut after the final dot, so that nobody knows. */
async function unknown(world: OutboundWorld) {
  const mailbox = await world.mailbox("autonomous");
  world.peer.script = (step) => (step === "dot" ? CUT : undefined);
  const draft = await world.send(mailbox);
  await world.until(mailbox, draft, "unknown");
  world.peer.script = () => undefined;
  const overseer = await world.person(["oversight"]);
  return { ...draft, decide: (body: object) => decide(world, overseer, mailbox, draft, body) };
}

/** How inbound mail that waits is decided; `hold` makes one wait and gives its id. */
export function holdPaths(hold: (world: Parameters<Path["walk"]>[0], approvals?: object) => Promise<MessageId>): readonly Path[] {
  const held = (
    name: string,
    ends: End,
    decided: (world: OutboundWorld["postern"], message: MessageId) => Promise<unknown>,
    approvals?: object,
  ): Path => ({
    name: `holdMessage-${name}`,
    ends,
    walk: async (world) => {
      const message = await hold(world, approvals);
      await decided(world.postern, message);
      const workflowId = holdWorkflowId(message);
      // It is begun after the sender was answered.
      while (!(await exists(world, workflowId)));
      return { workflowId };
    },
  });
  const say = (action: "release" | "discard") => (postern: OutboundWorld["postern"], message: MessageId) =>
    postern.http.send("POST", `/v1/messages/${message}/${action}`, { note: "checked" });
  return [
    held("released", { completed: { status: "approved" } }, say("release")),
    held("discarded", { completed: { status: "rejected" } }, say("discard")),
    held("expired", { completed: { status: "expired" } }, async () => undefined, { expireAfter: "1 s" }),
  ];
}

async function exists({ client }: Parameters<Path["walk"]>[0], workflowId: string): Promise<boolean> {
  try {
    await client.workflow.getHandle(workflowId).describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
