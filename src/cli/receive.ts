import { isIP, isIPv6 } from "node:net";
import { InvalidArgumentError, type OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { crockford, isId } from "../model/ids.ts";
import { addCommand, type Cli } from "./command.ts";
import { decisionFields, type Decision } from "./decision-text.ts";
import { latestDecision } from "./decisions.ts";
import { withTrace } from "./eml.ts";
import { EXIT, type Exit } from "./exit.ts";
import { parseRecipient, parseSender, readLetter } from "./letter.ts";
import type { Session } from "./session.ts";
import { smtpEndpoint } from "./settings.ts";
import { handOver, type Verdict } from "./smtp.ts";
import { formatFields } from "./table.ts";

interface ReceiveOptions extends OptionValues {
  readonly from: string;
  readonly to: string;
  readonly ip?: string;
  readonly helo?: string;
  readonly again?: true;
}

/** What became of the message, for the sender and for the caller. */
type Told = "accepted" | "refused" | "deferred";

export function addReceive(cli: Cli): void {
  addCommand<[file: string], ReceiveOptions>(cli, cli.program, {
    usage: "receive <file>",
    summary: "hand a message to the SMTP port and show the decision",
    about:
      "A real transaction with POSTERN_SMTP: the gate verifies, judges and answers as for any other sender. The same bytes from the same sender are the same " +
      "message and get the recorded answer. Exit codes: 0 accepted, 20 refused, 21 deferred.",
    arguments: { file: "a message as RFC 5322 has it (.eml), or - for standard input" },
    options: (command) =>
      command
        .requiredOption("--from <address>", "envelope sender (MAIL FROM); <> for the null sender", parseSender)
        .requiredOption("--to <address>", "envelope recipient (RCPT TO)", parseRecipient)
        .option("--ip <address>", "client address that SPF is to see; this host must be in POSTERN_TRUSTED_RELAYS", parseIp)
        .option("--helo <name>", "name for EHLO (default: the address in brackets)", parseHelo)
        .option("--again", "put a new Received field before it, which makes it another message (signatures hold)"),
    examples: [
      "receive letter.eml --from boss@acme.example --to assistant@acme.example --ip 192.0.2.1",
      "receive letter.eml --from boss@acme.example --to assistant@acme.example --again --json",
      "receive - --from '<>' --to assistant@acme.example < report.eml",
    ],
    run: receive,
  });
}

async function receive(session: Session, [file]: [string], options: ReceiveOptions): Promise<Exit> {
  const { from: sender, to: recipient, ip } = options;
  const bytes = withTraceIf(options.again, session, await readLetter(session, file));
  const helo = options.helo ?? literal(ip ?? "127.0.0.1");
  const verdict = await handOver(smtpEndpoint(session.deps.env), { sender, recipient, bytes, ip, helo });
  const message = messageOf(verdict);
  const decision = message === null ? null : await decisionOf(session, message);
  const told = toldBy(verdict);
  session.print({ told, ...verdict, message_id: message, decision }, () => formatOutcome(session, told, verdict, decision));
  if (told === "deferred") session.note("run it again later: the message keeps its name, and a decision made meanwhile is the answer");
  return told === "accepted" ? EXIT.ok : EXIT[told];
}

function withTraceIf(again: true | undefined, { deps }: Session, bytes: Buffer): Buffer {
  return again === true ? withTrace(bytes, crockford(deps.random(16)), new Date(deps.clock())) : bytes;
}

/** The server names the message in its answer. */
function messageOf({ text }: Verdict): string | null {
  return text.split(/[^0-9a-z_]+/).find((word) => isId("msg", word)) ?? null;
}

/** Whoever may not see decisions, or has no key, still sees what the server said. */
async function decisionOf({ http, note }: Session, message: string): Promise<Decision | null> {
  try {
    return await latestDecision(http, message);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    note(`the decision is not shown: ${error.message}`);
    return null;
  }
}

function toldBy({ step, code }: Verdict): Told {
  if (code >= 500) return "refused";
  return step === "message" && code < 300 ? "accepted" : "deferred";
}

const COLOURS = { accepted: "green", refused: "red", deferred: "yellow" } as const;

function formatOutcome({ paint, cells }: Session, told: Told, { step, code, enhanced, text }: Verdict, decision: Decision | null): string {
  const at = step === "message" ? "" : ` at ${step.toUpperCase()}`;
  const reply = [String(code), enhanced, text].filter((part) => part !== null).join(" ");
  const fields = formatFields([["server", reply], ...(decision === null ? [] : decisionFields(decision))], cells);
  return `${paint(COLOURS[told], told)}${at}\n${fields}`;
}

function literal(ip: string): string {
  return isIPv6(ip) ? `[IPv6:${ip}]` : `[${ip}]`;
}

function parseIp(text: string): string {
  if (isIP(text) === 0 || text.includes("%")) throw new InvalidArgumentError("give an IPv4 or IPv6 address");
  return text;
}

function parseHelo(text: string): string {
  if (!/^[\x21-\x7e]{1,255}$/.test(text)) throw new InvalidArgumentError("give a host name");
  return text;
}
