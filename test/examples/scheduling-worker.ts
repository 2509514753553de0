// A worker of a team's own, with Postern in it. `tools` are the team's; a real one asks a model and a calendar.
import { NativeConnection, Worker, type WorkerOptions } from "@temporalio/worker";
import { PosternPlugin } from "postern";

export function createTools(calendar: string[]) {
  return {
    understand: async (subject: string, text: string | null) => ({ book: /^book: (.+)$/im.exec(`${subject}\n${text}`)?.[1] ?? null }),
    bookMeeting: async (title: string) => {
      calendar.push(title);
      return title;
    },
    noteConflict: async (subject: string) => {
      calendar.push(`conflict: ${subject}`);
      return null;
    },
  };
}

/** Which capabilities of the policy these tools need. */
export const CAPABILITIES = { confirm_meeting: ["bookMeeting"], ingest_conflict_notice: ["noteConflict"] };

export function createSchedulingWorker(options: Partial<WorkerOptions>, tools: ReturnType<typeof createTools>, plugin: PosternPlugin) {
  return Worker.create({
    taskQueue: "agents",
    workflowsPath: new URL("./scheduling.ts", import.meta.url).pathname,
    ...options,
    activities: tools,
    plugins: [plugin],
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const plugin = new PosternPlugin({ capabilities: CAPABILITIES });
  const connection = await NativeConnection.connect({ address: process.env["TEMPORAL_ADDRESS"] ?? "127.0.0.1:7233" });
  const worker = await createSchedulingWorker({ connection }, createTools([]), plugin);
  void plugin.opened().then(({ doors }) => console.log(`SMTP ${doors?.smtp.port}, HTTP ${doors?.http}`));
  await worker.run();
  await connection.close();
}
