import { condition, defineQuery, defineSignal, setHandler } from "@temporalio/workflow";
import type { MailDelivery, MailStart } from "../../src/model/channel.ts";
import { MAIL_SIGNAL } from "../../src/model/names.ts";

/** What a team's workflow sees: its argument and every signal, repeats and all. */
export async function collectingAgent(start: MailStart): Promise<void> {
  const heard: MailDelivery[] = [];
  setHandler(defineSignal<[MailDelivery]>(MAIL_SIGNAL), (mail) => void heard.push(mail));
  setHandler(defineQuery("heard"), () => ({ start, heard }));
  await condition(() => false);
}

/** Another of the same kind. */
export async function otherAgent(start: MailStart): Promise<void> {
  return collectingAgent(start);
}
