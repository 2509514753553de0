import type { OptionValues } from "commander";
import { segment } from "./client.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { mailboxId } from "./mailbox-id.ts";
import { checkPolicy } from "./policy-check.ts";
import { readPolicyFile } from "./policy-file.ts";
import { warningFields, type Warning } from "./policy-warnings.ts";
import type { Session } from "./session.ts";
import { formatFields } from "./table.ts";
import { printableJson } from "./text.ts";
import { formatTime } from "./time.ts";

interface Pin {
  readonly id: string;
  readonly version: number;
  readonly digest: string;
  readonly warnings: readonly Warning[];
}

export function addPolicies(cli: Cli): void {
  const group = addGroup(cli.program, "policy", "what a mailbox lets in", [
    "policy check policy.yaml",
    "policy apply policy.yaml --mailbox assistant@acme.example",
  ]);
  addCheck(cli, group);
  addApply(cli, group);
  addShow(cli, group);
}

interface CheckOptions extends OptionValues {
  readonly cases?: string;
}

function addCheck(cli: Cli, group: Cli["program"]): void {
  addCommand<[file: string], CheckOptions>(cli, group, {
    usage: "check <file>",
    summary: "check a policy and its cases, without a service",
    about:
      "A case (*.case.json) is the facts of a message and the decision expected for it. Exit code 1 when the document is wrong or a case fails.",
    arguments: { file: ".yaml, .json, or .ts with a default export; a .ts file is run" },
    options: (command) => command.option("--cases <glob>", "cases to run (default: *.case.json beside the file)"),
    examples: ["policy check policy.yaml", "policy check policy.ts --cases 'cases/**/*.case.json'", "policy check policy.json --json"],
    run: async (session, [file], { cases }) => checkPolicy(session, file, cases),
  });
}

interface MailboxOptions extends OptionValues {
  readonly mailbox: string;
}

function addApply(cli: Cli, group: Cli["program"]): void {
  addCommand<[file: string], MailboxOptions>(cli, group, {
    usage: "apply <file>",
    summary: "put a policy in force",
    about: "The next message is judged by it. The same document again adds no version.",
    arguments: { file: ".yaml, .json, or .ts with a default export; a .ts file is run" },
    options: (command) => command.requiredOption("--mailbox <mailbox>", "id or address"),
    examples: [
      "policy apply policy.yaml --mailbox assistant@acme.example",
      "policy apply policy.ts --mailbox assistant@acme.example --json",
    ],
    run: async (session, [file], { mailbox }) => {
      const document = await readPolicyFile(session.deps.files, file);
      const path = `/v1/mailboxes/${segment(await mailboxId(session.http, mailbox))}/policy`;
      const applied = await session.http.send<Pin & { readonly created: boolean }>("PUT", path, document);
      const inForce = applied.created ? "in force from the next message on" : "in force already, nothing changed";
      session.print(applied, () => formatFields([["version", `${applied.version}, ${inForce}`], ...pinFields(applied)], session.cells));
    },
  });
}

function addShow(cli: Cli, group: Cli["program"]): void {
  addCommand<[mailbox: string], OptionValues>(cli, group, {
    usage: "show <mailbox>",
    summary: "show the policy in force",
    arguments: { mailbox: "id, address or alias" },
    examples: ["policy show assistant@acme.example", "policy show assistant@acme.example --json"],
    run: async (session, [mailbox]) => {
      const path = `/v1/mailboxes/${segment(await mailboxId(session.http, mailbox))}/policy`;
      const policy = await session.http.get<InForce>(path);
      session.print(policy, () => formatPolicy(session, policy));
    },
  });
}

interface InForce extends Pin {
  readonly document: object;
  readonly created_at: string;
  readonly actor: string;
}

function formatPolicy({ cells }: Session, policy: InForce): string {
  const since = `${formatTime(policy.created_at)} by ${policy.actor}`;
  const fields = formatFields([["version", String(policy.version)], ["since", since], ...pinFields(policy)], cells);
  return `${fields}\n\n${printableJson(policy.document)}`;
}

function pinFields({ id, digest, warnings }: Pin): [string, string][] {
  return [["policy", id], ["digest", digest], ...warningFields(warnings)];
}
