// Workflow module of a team of its own: its workflows, and ours beside them.
import {
  condition,
  continueAsNew,
  createNexusServiceClient,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
} from "@temporalio/workflow";
import {
  isCapabilityDenied,
  onMail,
  sendMail,
  type InboxState,
  type MailContent,
  type MailDelivery,
  type MailStart,
} from "../../workflows/index.ts";

export * from "../../workflows/index.ts";

export interface Start extends MailStart {
  readonly inbox?: InboxState;
}

export interface TeamActivities {
  took(delivery: MailDelivery): Promise<void>;
  greet(name: string): Promise<string>;
  note(mailbox: string, line: string): Promise<void>;
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
  for await (const mail of onMail(start, { idle: "1 second" })) {
    await team.took(mail);
    const { subject, from }: MailContent = await mail.read();
    subjects.push(subject);
    await team.note(mail.mailbox, `${from}: ${subject}`);
  }
  return subjects;
}

/** Books whatever it is asked for, as a model would that believes its mail. */
export async function bookingAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "1 second" })) {
    await team.took(mail);
    const booked = await team.bookMeeting("lunch").catch(codeOf);
    const tool = await team.callTool("create_event").catch(codeOf);
    const other = await team.callTool("drop_tables").catch(codeOf);
    await team.note(mail.mailbox, `${mail.capabilities.join(" ")}: ${booked}, ${tool}, ${other}`);
  }
  await team.note(start.mailbox, `after: ${await team.bookMeeting("dinner").catch(codeOf)}`);
}

/** Answers, and says what became of it. */
export async function answeringAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "1 second" })) {
    await team.took(mail);
    const sent = await sendMail({ markdown: "Friday suits me." }, { on: mail, wait: true }).catch(codeOf);
    await team.note(mail.mailbox, typeof sent === "string" ? sent : `answer ${sent.state}`);
    const other = await sendMail({ to: ["stranger@elsewhere.example"], subject: "Hello", markdown: "Hello." }).catch(codeOf);
    await team.note(mail.mailbox, typeof other === "string" ? other : `own ${other.state}`);
    const wrong = await sendMail({ to: ["no address"], subject: "Hello", markdown: "Hello." }).catch(codeOf);
    await team.note(mail.mailbox, typeof wrong === "string" ? wrong : `wrong ${wrong.state}`);
  }
}

/** Calls an answer what goes to others too. */
export async function widelyAnsweringAgent(start: Start): Promise<void> {
  const stranger = "stranger@elsewhere.example";
  for await (const mail of onMail(start, { idle: "1 second" })) {
    for (const more of [{ to: [stranger] }, { cc: [stranger] }, { bcc: [stranger] }, { to: ["You <SOMEONE@acme.example>"] }]) {
      const sent = await sendMail({ markdown: "Friday suits me.", ...more }, { on: mail, wait: true }).catch(codeOf);
      await team.note(mail.mailbox, typeof sent === "string" ? sent : `answer ${sent.state}`);
    }
  }
}

/** Goes on in another run after every mail. */
export async function endlessAgent(start: Start): Promise<void> {
  const inbox = onMail(start);
  for await (const mail of inbox) {
    await team.took(mail);
    const { subject } = await mail.read();
    await team.note(mail.mailbox, subject);
    if (subject === "stop") return;
    // Whoever signals meanwhile is heard by this run, and dealt with by the next.
    await sleep("500 milliseconds");
    await continueAsNew<typeof endlessAgent>({ ...start, inbox: inbox.carry() });
  }
}

/** The type of what an activity was refused with. */
function codeOf(error: unknown): string {
  const cause = (error as { readonly cause?: { readonly type?: string } }).cause;
  return cause?.type ?? String(error);
}

/** Lets its mail say which activity is called, and with what. */
export async function obedientAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "1 second" })) {
    const { subject } = await mail.read();
    const called = await proxyActivities({ startToCloseTimeout: "10 seconds", retry: RETRY })[subject]!(mail, {}, {}).catch(
      isCapabilityDenied,
    );
    const local = await proxyLocalActivities({ startToCloseTimeout: "10 seconds", retry: RETRY })[subject]!(mail, {}, {}).catch(
      isCapabilityDenied,
    );
    await team.note(mail.mailbox, `${subject}: ${called === true && local === true ? "denied" : "called"}`);
  }
}

/** What a Nexus service of somebody's is called by. */
export const CALENDAR = { name: "calendar", operations: { book: { name: "book" }, look: { name: "look" } } };

/** Books and looks by operations of another team's; its mail says behind which endpoint. */
export async function nexusAgent(start: Start): Promise<void> {
  for await (const mail of onMail(start, { idle: "1 second" })) {
    await team.took(mail);
    const { subject: endpoint } = await mail.read();
    const service = CALENDAR as unknown as Parameters<typeof createNexusServiceClient>[0]["service"];
    const calendar = createNexusServiceClient({ endpoint, service });
    const call = (operation: string) => calendar.executeOperation(operation, "lunch", { scheduleToCloseTimeout: "20 seconds" });
    const [booked, looked] = await Promise.all(["book", "look"].map((operation) => call(operation).catch(denialOf)));
    await team.note(mail.mailbox, `${String(booked)}, ${String(looked)}`);
  }
}

function denialOf(error: unknown): string {
  return isCapabilityDenied(error) ? "denied" : codeOf(error);
}

/** Books what nobody wrote about. */
export async function bookingNothing(): Promise<string> {
  return team.bookMeeting("dinner").catch(codeOf);
}

/** Stays with its first mail, and books whenever it is told to. */
export async function waitingAgent(start: Start): Promise<void> {
  setHandler(defineUpdate<string>("book"), () => team.bookMeeting("lunch").catch(codeOf));
  for await (const mail of onMail(start)) {
    await team.took(mail);
    await condition(() => false);
  }
}

/** Answers, and is gone before anybody approves. */
export async function leavingAgent(start: Start): Promise<string | null | undefined> {
  for await (const mail of onMail(start)) {
    await team.took(mail);
    return (await sendMail({ markdown: "Friday suits me." }, { on: mail })).state;
  }
  return undefined;
}
