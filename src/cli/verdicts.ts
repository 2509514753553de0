import { Option, type Command, type OptionValues } from "commander";
import { PosternError, type ErrorCode } from "../model/errors.ts";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { spaced } from "./decision-text.ts";
import { EXIT, exitOf, type Exit } from "./exit.ts";
import type { Session } from "./session.ts";
import { formatFields, formatTable, type Column } from "./table.ts";
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
      `pending approve ${DRAFT} ${MESSAGE}`,
      `pending approve ${DRAFT} --print-signal`,
    ],
    several: true,
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
    several: true,
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
  /** About as many as the caller names. */
  readonly several?: true;
}

function addVerdict(cli: Cli, group: Group, { action, summary, about, examples, several, options = (command) => command }: Verdict): void {
  const batch = several === undefined ? "" : " Of several, each counts or is refused by itself, one result a line.";
  addCommand<[id: string | readonly string[]], VerdictOptions>(cli, group, {
    usage: several === undefined ? `${action} <id>` : `${action} <id...>`,
    summary,
    about: `${about} By an approver who neither wrote nor last edited it; what does not count ends with 4, what is decided or has changed with 6.${batch}`,
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
    run: async (session, [named], { reason, hash, as, printSignal }) => {
      const [id = "", ...more] = typeof named === "string" ? [named] : named;
      if (more.length > 0) {
        if (hash !== undefined || printSignal === true) throw oneAtATime();
        return decideAll(session, [id, ...more], { action, ...given("reason", reason) });
      }
      const verdict = { action, ...given("reason", reason), ...given("content_hash", hash), ...given("as", as) };
      return printSignal === true ? printCommand(session, id, verdict) : decide(session, id, verdict);
    },
  });
}

function oneAtATime(): PosternError {
  return new PosternError("invalid_request", "`--hash` and `--print-signal` are about one draft", { fix: "name one at a time" });
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

type Result = { readonly id: string } & (
  (Decided & { readonly result: "accepted" }) | { readonly result: "refused"; readonly code: ErrorCode; readonly detail: string }
);

/** Ends with what the first refusal ends with. */
async function decideAll(session: Session, ids: readonly string[], verdict: object): Promise<Exit> {
  const items = ids.map((id) => ({ id, ...verdict }));
  const answer = await session.http.send<{ readonly items: readonly Result[] }>("POST", "/v1/pending/decide", { items });
  session.print(answer, () => formatTable(RESULTS, answer.items, session.cells));
  const refused = answer.items.find(({ result }) => result === "refused");
  return refused?.result === "refused" ? exitOf(refused.code) : EXIT.ok;
}

const RESULTS: readonly Column<Result>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "RESULT", value: (item) => (item.result === "accepted" ? spaced(item.status) : `refused: ${item.detail}`), min: 16 },
  { title: "APPROVED BY", value: (item) => (item.result === "accepted" ? `${item.approvals} of ${item.quorum}` : "") },
];

async function printCommand({ http, print }: Session, id: string, verdict: object): Promise<void> {
  const signed = await http.send<SignedVerdict>("POST", `/v1/pending/${segment(id)}/token`, verdict);
  print(signed, () => printable(signed.command));
}

function given<N extends string, T>(name: N, value: T | undefined): { readonly [K in N]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [K in N]?: T };
}
