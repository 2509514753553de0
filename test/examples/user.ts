// As a team would try it in an empty folder: their worker with Postern in it, one mail, and what came of it. Prints JSON.
import { NativeConnection } from "@temporalio/worker";
import { definePolicy, PosternError } from "postern";
import { PosternClient } from "postern/client";
import { createTestPostern, judge, signed, testMail, testSender } from "postern/testing";
import { CAPABILITIES, createSchedulingWorker, createTools } from "./scheduling-worker.ts";

const boss = testSender("acme.example");
const policy = definePolicy({
  defaultAction: "bounce",
  senders: [{ match: { domain: boss.domain, requireDkim: true }, capabilities: ["confirm_meeting"] }],
});

const address = process.env["TEMPORAL_ADDRESS"]!;
const taskQueue = process.env["TASK_QUEUE"]!;
const connection = await NativeConnection.connect({ address });
const calendar: string[] = [];
const { promise: booked, resolve } = Promise.withResolvers<void>();
const tools = createTools(calendar);
const noticed = { ...tools, bookMeeting: (title: string) => tools.bookMeeting(title).finally(resolve) };
const codec = { encode: async (payloads: any) => payloads, decode: async (payloads: any) => payloads };
const intercepted = new Set<string>();
const postern = await createTestPostern({
  temporal: { address },
  senders: [boss],
  plugin: { capabilities: CAPABILITIES },
  worker: (plugin) =>
    createSchedulingWorker(
      {
        ...{ connection, taskQueue, dataConverter: { payloadCodecs: [codec] } },
        interceptors: { activity: [({ info }) => (intercepted.add(info.activityType), {})] },
      },
      noticed,
      plugin,
    ),
});
try {
  const { id, address: to } = await postern.mailbox("agent@team.example", policy);
  const { id: key_id } = await postern.key(id, ["send"]);
  await postern.setChannels(id, [{ kind: "workflow", type: "schedulingAgent", task_queue: taskQueue, id_per: "thread", key_id }]);
  const from = `boss@${boss.domain}`;
  const { code } = await postern.deliver({
    eml: await signed(testMail({ from, to, subject: "Book: lunch" }), boss),
    to,
    from,
    ip: boss.ip,
  });
  await booked;
  const refusal = await new PosternClient({ url: postern.url, key: "nobody" }).mailboxes().catch((error: unknown) => error);
  const isTyped = refusal instanceof PosternError && refusal.code === "unauthorized";
  const { outcome } = judge(policy, { from, dkim: "pass" });
  console.log(
    JSON.stringify({ code, calendar, isTyped, outcome, intercepted: intercepted.has("bookMeeting") && intercepted.has("posternVerify") }),
  );
} finally {
  await postern.close();
  await connection.close();
}
