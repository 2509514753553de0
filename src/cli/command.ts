import type { Command, OptionValues } from "commander";
import type { CliDeps } from "./deps.ts";
import { EXIT, type Exit } from "./exit.ts";
import { createSession, type Session } from "./session.ts";

/** What commands are added with: where to, with what, and where their exit code goes. */
export interface Cli {
  readonly program: Command;
  readonly deps: CliDeps;
  readonly exit: (code: Exit) => void;
}

/** One command. `usage` is commander's: a name and its arguments. */
export interface Spec<A extends readonly unknown[], O extends OptionValues> {
  readonly usage: string;
  readonly summary: string;
  /** Further sentences for `--help`. */
  readonly about?: string;
  /** Command lines without `postern`. */
  readonly examples: readonly [string, ...string[]];
  /** What the arguments mean, by name. */
  readonly arguments?: Readonly<Record<string, string>>;
  readonly options?: (command: Command) => Command;
  /** Resolves to an exit code where success is not all there is to say. Failures are exceptions. */
  readonly run: (session: Session, args: A, options: O) => Promise<Exit | void>;
}

export interface JsonOption extends OptionValues {
  readonly json?: true;
}

/** A name for commands about one thing. */
export function addGroup(parent: Command, name: string, summary: string, examples: readonly [string, ...string[]]): Command {
  return parent.command(name).summary(summary).description(sentence(summary)).addHelpText("after", formatExamples(examples));
}

export function addCommand<A extends readonly unknown[], O extends OptionValues>(cli: Cli, parent: Command, spec: Spec<A, O>): Command {
  const about = spec.about === undefined ? sentence(spec.summary) : `${sentence(spec.summary)} ${spec.about}`;
  const command = parent.command(spec.usage).summary(spec.summary).description(about);
  for (const argument of command.registeredArguments) argument.description = spec.arguments?.[argument.name()] ?? "";
  spec.options?.(command);
  command.option("--json", "print one JSON document, errors as well");
  command.addHelpText("after", formatExamples(spec.examples));
  return command.action(async () => {
    const options = command.opts<O & JsonOption>();
    const session = createSession(cli.deps, options.json === true);
    // Commander has checked the arguments against the usage that stands beside the type.
    const args = command.processedArgs as unknown as A;
    cli.exit((await spec.run(session, args, options)) ?? EXIT.ok);
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function formatExamples(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((line) => `  $ postern ${line}`).join("\n")}`;
}
