import { Option, type Command, type OptionValues } from "commander";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { spaced } from "./decision-text.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";
import { printable } from "./text.ts";

type Group = Cli["program"];

interface VerdictOptions extends OptionValues {
  readonly reason?: string;
  readonly hash?: string;
  readonly as?: "sent" | "failed";
  readonly printSignal?: true;
}

interface Decided {
  readonly id: string;
  readonly status: string;
  readonly approvals: number;
  readonly quorum: number;
  readonly revision: number;
}

interface SignedVerdict {
  readonly token: string;
  readonly workflow_id: string;
  readonly expires_at: string;
  readonly command: string;
}

const DRAFT = "drf_5n7q9s1v3x5z7b9d1f3h5k7m";
const MESSAGE = "msg_1h3k5m7p9r1t3w5y7z9b1d3f";

export function addApprove(cli: Cli, group: Group): void {
  addVerdict(cli, group, {
    action: "approve",
    summary: "let it go",
    about: "Of a draft: exactly the content that waits is sent, once enough have approved. Of mail that came in: the agent gets it.",
    examples: [
      `pending approve ${DRAFT}`,
      `pending approve ${MESSAGE} --reason 'asked on the phone' --json`,
      `pending approve ${DRAFT} --print-signal`,
    ],
  });
}

export function addReject(cli: Cli, group: Group): void {
  addVerdict(cli, group, {
    action: "reject",
    summary: "end it: it does not go",
    about: "One rejection is enough, and needs a reason.",
    examples: [
      `pending reject ${DRAFT} --reason 'not before the contract is signed'`,
      `pending reject ${DRAFT} --reason 'wrong person' --json`,
    ],
  });
}

export function addResend(cli: Cli, group: Group): void {
  addVerdict(cli, group, {
    action: "resend",
    summary: "send a draft of unknown fate again",
    about: "For status `unknown`: the connection broke while it was handed over. Whoever has it already gets it twice.",
    examples: [`pending resend ${DRAFT}`, `pending resend ${DRAFT} --reason 'not in their log' --json`],
  });
}

export function addSettle(cli: Cli, group: Group): void {
  addVerdict(cli, group, {
    action: "settle",
    summary: "put down what became of a draft of unknown fate",
    about: "For status `unknown`: somebody has asked the recipient, or read the relay's log. Nothing is sent.",
    options: (command) =>
      command.addOption(new Option("--as <fate>", "whether it arrived").choices(["sent", "failed"]).makeOptionMandatory()),
    examples: [`pending settle ${DRAFT} --as sent`, `pending settle ${DRAFT} --as failed --reason 'not in their log' --json`],
  });
}

interface Verdict {
  readonly action: "approve" | "reject" | "resend" | "settle";
  readonly summary: string;
  readonly about: string;
  readonly examples: readonly [string, ...string[]];
  readonly options?: (command: Command) => Command;
}

function addVerdict(cli: Cli, group: Group, { action, summary, about, examples, options = (command) => command }: Verdict): void {
  addCommand<[id: string], VerdictOptions>(cli, group, {
    usage: `${action} <id>`,
    summary,
    about: `${about} By an approver who neither wrote nor last edited it; what does not count ends with 4, what is decided or has changed with 6.`,
    arguments: { id: "a draft (drf_…), or mail that came in (msg_…)" },
    options: (command) =>
      options(command)
        .option("--reason <text>", "why; kept beside the audit entry")
        .option("--hash <sha256>", "the `content` that you looked at; needed once it was edited")
        .option(
          "--print-signal",
          "print the command that says so by the plain Temporal CLI (`temporal` on PATH), within 24 hours, and nothing else",
        ),
    examples,
    run: async (session, [id], { reason, hash, as, printSignal }) => {
      const verdict = { action, ...given("reason", reason), ...given("content_hash", hash), ...given("as", as) };
      await (printSignal === true ? printCommand(session, id, verdict) : decide(session, id, verdict));
    },
  });
}

async function decide(session: Session, id: string, verdict: object): Promise<void> {
  const decided = await session.http.send<Decided>("POST", "/v1/oversight/decide", { email_id: id, ...verdict });
  const { status, approvals, quorum, revision } = decided;
  session.print(
    decided,
    () =>
    formatFields([["id", decided.id], ["status", spaced(status)], ["approved by", `${approvals} of ${quorum}`], ["revision", String(revision)]], session.cells), // prettier-ignore
  );
}

async function printCommand({ http, print }: Session, id: string, verdict: object): Promise<void> {
  const signed = await http.send<SignedVerdict>("POST", `/v1/pending/${segment(id)}/token`, verdict);
  print(signed, () => printable(signed.command));
}

function given<N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in N]?: T };
}
