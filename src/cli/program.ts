import { Command, CommanderError } from "commander";
import { addAudit } from "./audit.ts";
import type { Cli } from "./command.ts";
import { addDecisions } from "./decisions.ts";
import type { CliDeps } from "./deps.ts";
import { addDoctor } from "./doctor.ts";
import { addDomains } from "./domains.ts";
import { addDrafts } from "./drafts.ts";
import { EXIT, EXIT_MEANINGS, type Exit } from "./exit.ts";
import { reportError, reportUsage } from "./failure.ts";
import { addIdentity } from "./identity.ts";
import { addIngest } from "./ingest.ts";
import { addKeys } from "./keys.ts";
import { addMailboxes } from "./mailboxes.ts";
import { addMessages } from "./messages.ts";
import { addPending } from "./pending.ts";
import { addPolicies } from "./policies.ts";
import { addReceive } from "./receive.ts";
import { addReply, addSend } from "./send.ts";
import { addServe } from "./serve.ts";
import { addSink } from "./sink.ts";
import { addStops } from "./stops.ts";
import { addSuppressions } from "./suppressions.ts";
import { addTenants } from "./tenants.ts";
import { addWebhooks } from "./webhooks.ts";

const WIDEST_HELP = 100;

/** Runs one command line (without `node` and the script) to its end. Never rejects: failures are printed and counted in the exit code. */
export async function run(argv: readonly string[], deps: CliDeps): Promise<number> {
  let code: Exit = EXIT.ok;
  const program = buildProgram(deps, (exit) => (code = exit));
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    const json = argv.includes("--json");
    if (!(error instanceof CommanderError)) return reportError(error, deps.stderr, json);
    if (error.exitCode === 0) return EXIT.ok;
    if (error.code === "commander.help") return EXIT.usage;
    return reportUsage(error, commandOf(program, argv), deps.stderr, json);
  }
}

/** Every command, for `run` and for whoever wants to read their help. */
export function buildProgram(deps: CliDeps, exit: (code: Exit) => void): Command {
  const program = configure(new Command("postern"), deps);
  const cli: Cli = { program, deps, exit };
  addServe(cli);
  addDoctor(cli);
  addTenants(cli);
  addMailboxes(cli);
  addKeys(cli);
  addWebhooks(cli);
  addPolicies(cli);
  addReceive(cli);
  addIngest(cli);
  addMessages(cli);
  addSend(cli);
  addReply(cli);
  addDrafts(cli);
  addPending(cli);
  addStops(cli);
  addSuppressions(cli);
  addSink(cli);
  addDecisions(cli);
  addAudit(cli);
  addDomains(cli);
  addIdentity(cli);
  return program;
}

function configure(program: Command, { stdout, stderr, version }: CliDeps): Command {
  const helpWidth = (columns: number | undefined): number => Math.min(columns ?? 80, WIDEST_HELP);
  return program
    .description("The mail gate for AI agents: every message is verified, judged by a policy, budgeted and only then dispatched.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print help of a command")
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => helpWidth(stdout.columns),
      getErrHelpWidth: () => helpWidth(stderr.columns),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // Printed by `run`, which knows whether JSON is wanted.
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText("after", `\n${ENVIRONMENT}\n\n${formatExits()}\n\n${EXAMPLES}`);
}

const ENVIRONMENT = `Environment:
  POSTERN_URL   the service; else POSTERN_HTTP, POSTERN_PUBLIC_URL, and then
                http://127.0.0.1:8025
  POSTERN_KEY   access key; on this host else POSTERN_ADMIN_KEY, else admin.key
  POSTERN_SMTP  where \`receive\` hands mail over (127.0.0.1:2525)
  POSTERN_DATA  data directory (./.postern), where admin.key is
  NO_COLOR      no colours`;

const EXAMPLES = `Examples:
  $ postern doctor
  $ postern mailbox create assistant@acme.example
  $ postern policy apply policy.yaml --mailbox assistant@acme.example
  $ postern receive letter.eml --from boss@acme.example --to assistant@acme.example --ip 192.0.2.1
  $ postern messages list --mailbox assistant@acme.example
  $ postern send --mailbox assistant@acme.example --to boss@acme.example --subject Hello --markdown note.md
  $ postern pending list`;

function formatExits(): string {
  const lines = EXIT_MEANINGS.map(([code, meaning]) => `  ${String(code).padEnd(4)}${meaning}`);
  return ["Exit codes:", ...lines].join("\n");
}

/** The command a wrong line was about, as far as it can be told. */
function commandOf(program: Command, argv: readonly string[]): string {
  const names = [program.name()];
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    names.push(word);
    command = next;
  }
  return names.join(" ");
}
