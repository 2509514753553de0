// `npm run demo -- bot "A conflict on Friday"`: one more mail from a sender of the demo, through the running gate's SMTP port.
import { reportError } from "../../cli/failure.ts";
import { serviceEnvironment, smtpEndpoint } from "../../cli/settings.ts";
import { handOver } from "../../cli/smtp.ts";
import { loadConfig } from "../../config.ts";
import { PosternError } from "../../model/errors.ts";
import { demoFiles, exists, loadKeys } from "./files.ts";
import { writeMail } from "./mail.ts";
import { ASSISTANT, BOSS, BOT, IMPOSTOR, STRANGER, type Sender } from "./senders.ts";

const SENDERS: Readonly<Record<string, Sender>> = { boss: BOSS, bot: BOT, stranger: STRANGER, impostor: IMPOSTOR };
const USAGE = 'npm run demo -- boss|bot|stranger|impostor ["subject"] ["text"]';

async function main([who = "", subject = "Hello", text = "Hello from the demo."]: readonly string[]): Promise<void> {
  const sender = SENDERS[who];
  if (sender === undefined) throw new PosternError("invalid_request", `the demo has no sender \`${who}\``, { fix: USAGE });
  const files = demoFiles(loadConfig(serviceEnvironment(process.env)).dataDir);
  if (!(await exists(files.done))) throw new PosternError("not_found", "there is no demo here", { fix: "run `npm start` first" });
  const now = new Date();
  const name = `live-${now.getTime().toString(36)}`;
  const mail = await writeMail({ name, sender, subject: oneLine(subject), text }, await loadKeys(files), now);
  const { ip, helo, address } = sender;
  const verdict = await handOver(smtpEndpoint(process.env), { sender: address, recipient: ASSISTANT, bytes: Buffer.from(mail), ip, helo });
  process.stdout.write(`${verdict.code} ${verdict.enhanced ?? ""} ${verdict.text}\n`);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, " ").slice(0, 200);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = reportError(error, process.stderr, false);
}
