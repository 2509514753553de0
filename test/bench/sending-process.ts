// The process under measurement: a whole instance that sends, and, beside it, workers of the empty workflow.
import { answerParent, type Subject } from "./child.ts";
import { startEmpty } from "./empty/runs.ts";
import { startInstance, type InstanceSetup } from "./instance.ts";

answerParent(async (setup: InstanceSetup): Promise<Subject> => {
  const running = await startInstance(setup);
  const empty = await startEmpty(setup.temporal);
  return {
    tasks: { http: async () => running.http, empty: empty.run },
    close: async () => {
      await empty.close();
      await running.close();
    },
  };
});
