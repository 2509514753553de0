// Workflow module of a team of its own: its workflows, and ours beside them.
import { continueAsNew, proxyActivities, sleep } from "@temporalio/workflow";
import { onMail, sendMail, type InboxState, type MailContent, type MailStart } from "../../workflows/index.ts";

export * from "../../workflows/index.ts";

export interface Start extends MailStart {
  readonly inbox?: InboxState;
}

export interface TeamActivities {
  greet(name: string): Promise<string>;
  note(line: string): Promise<void>;
  bookMeeting(title: string): Promise<string>;
  callTool(tool: string): Promise<string>;
}

const RETRY = { maximumAttempts: 3, initialInterval: "50 milliseconds" } as const;
const team = proxyActivities<TeamActivities>({ startToCloseTimeout: "10 seconds", retry: RETRY });

/** A workflow of theirs that knows nothing of mail. */
export async function greeting(name: string): Promise<string> {
  return team.greet(name);
}

/** Notes what it reads; ends when nothing came for a while. */
export async function readingAgent(start: Start): Promise<readonly string[]> {
  const subjects: string[] = [];
  for await (const mail of onMail(start, { idle: "3 seconds" })) {
    const { subject, from }: MailContent = await mail.read();
    subjects.push(subject);
    await team.note(`${from}: ${subject}`);
  }
  return subjects;
}

/** Books whatever it is asked for, as a model would that believes its mail. */
export async function bookingAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "3 seconds" })) {
    const booked = await team.bookMeeting("lunch").catch(codeOf);
    const tool = await team.callTool("create_event").catch(codeOf);
    const other = await team.callTool("drop_tables").catch(codeOf);
    await team.note(`${mail.capabilities.join(" ")}: ${booked}, ${tool}, ${other}`);
  }
  await team.note(`after: ${await team.bookMeeting("dinner").catch(codeOf)}`);
}

/** Answers, and says what became of it. */
export async function answeringAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "3 seconds" })) {
    const sent = await sendMail({ markdown: "Friday suits me." }, { on: mail, wait: true }).catch(codeOf);
    await team.note(typeof sent === "string" ? sent : `answer ${sent.state}`);
    const other = await sendMail({ to: ["stranger@elsewhere.example"], subject: "Hello", markdown: "Hello." }).catch(codeOf);
    await team.note(typeof other === "string" ? other : `own ${other.state}`);
    const wrong = await sendMail({ to: ["no address"], subject: "Hello", markdown: "Hello." }).catch(codeOf);
    await team.note(typeof wrong === "string" ? wrong : `wrong ${wrong.state}`);
  }
}

/** Goes on in another run after every mail. */
export async function endlessAgent(start: Start): Promise<void> {
  const inbox = onMail(start);
  for await (const mail of inbox) {
    const { subject } = await mail.read();
    await team.note(subject);
    if (subject === "stop") return;
    // Whoever signals meanwhile is heard by this run, and dealt with by the next.
    await sleep("1 second");
    await continueAsNew<typeof endlessAgent>({ ...start, inbox: inbox.carry() });
  }
}

/** The type of what an activity was refused with. */
function codeOf(error: unknown): string {
  const cause = (error as { readonly cause?: { readonly type?: string } }).cause;
  return cause?.type ?? String(error);
}
