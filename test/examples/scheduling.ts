// An agent as a workflow: one for each conversation. Its worker is scheduling-worker.ts.
import { continueAsNew, proxyActivities } from "@temporalio/workflow";
import { isCapabilityDenied, onMail, sendMail, type InboxState, type MailStart } from "postern/workflows";
import type { createTools } from "./scheduling-worker.ts";

// Postern's own workflows run on the same worker.
export * from "postern/workflows";

const { understand, bookMeeting, noteConflict } = proxyActivities<ReturnType<typeof createTools>>({
  startToCloseTimeout: "1 minute",
  retry: { maximumAttempts: 5 },
});

interface Start extends MailStart {
  readonly inbox?: InboxState;
}

export async function schedulingAgent(start: Start): Promise<void> {
  const inbox = onMail(start, { idle: "7 days" });
  for await (const mail of inbox) {
    const { subject, text, automatic } = await mail.read();
    const wish = await understand(subject, text); // here a model reads the mail
    const answer = wish.book === null ? await noteConflict(subject) : await book(wish.book);
    if (!automatic && answer !== null) await sendMail({ markdown: answer }, { on: mail });
    if (inbox.isLong) await continueAsNew<typeof schedulingAgent>({ ...start, inbox: inbox.carry() });
  }
}

/** Whether this mail may have a meeting booked is not for the model to say: the worker refuses what the mail does not allow. */
async function book(title: string): Promise<string | null> {
  try {
    return `Booked: ${await bookMeeting(title)}.`;
  } catch (error) {
    if (isCapabilityDenied(error)) return null;
    throw error;
  }
}
