import type { CommanderError } from "commander";
import { PosternError, type Problem } from "../model/errors.ts";
import type { Stream } from "./deps.ts";
import { EXIT, exitOf, type Exit } from "./exit.ts";
import { printable, printableJson } from "./text.ts";

/** Why a command ended without a result, as it is shown. */
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly fix: string | undefined;
  readonly problems: readonly Problem[];
  /** Ids and codes, and when to try again. */
  readonly facts: Readonly<Record<string, string | number>>;
  readonly exit: Exit;
}

/** The one place where errors of this door become text. Returns the exit code. */
export function reportError(error: unknown, stderr: Stream, json: boolean): Exit {
  return show(failureOf(error), stderr, json);
}

/** A wrong command line, as commander found it. */
export function reportUsage(error: CommanderError, command: string, stderr: Stream, json: boolean): Exit {
  const [first = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const help = `see \`${command} --help\``;
  const fix = suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, "").toLowerCase()} ${help}`;
  return show({ code: "usage", message: quoted(first), fix: quoted(fix), problems: [], facts: {}, exit: EXIT.usage }, stderr, json);
}

function quoted(text: string): string {
  return text.replace(/'([^']*)'/g, "`$1`").replace(/\.$/, "");
}

function failureOf(error: unknown): Failure {
  if (error instanceof PosternError) {
    const { code, message, fix, problems, members, retryAfter } = error;
    const facts = { ...members, ...(retryAfter === undefined ? {} : { retry_after_s: retryAfter }) };
    return { code, message, fix, problems, facts, exit: exitOf(code) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "internal", message, fix: undefined, problems: [], facts: {}, exit: EXIT.failure };
}

function show(failure: Failure, stderr: Stream, json: boolean): Exit {
  stderr.write(
    json
      ? `${printableJson({ error: documentOf(failure) })}\n`
      : linesOf(failure)
          .map((line) => `${printable(line)}\n`)
          .join(""),
  );
  return failure.exit;
}

function documentOf({ code, message, fix, problems, facts }: Failure): object {
  return { code, message, ...(fix === undefined ? {} : { fix }), ...facts, ...(problems.length === 0 ? {} : { errors: problems }) };
}

function linesOf({ message, fix, problems, facts }: Failure): readonly string[] {
  const head = message.split("\n").map((line) => `error: ${line}`);
  // A message may be the list of problems, or the only problem, already.
  const said = message.replaceAll("`", "");
  const listed = problems.filter((each) => !message.includes(`${each.path}: ${each.message}`) && said !== `${each.path} ${each.message}`);
  const fixed = fix === undefined || listed.some((problem) => problem.message.includes(FIX)) ? [] : [`fix: ${fix}`];
  const known = Object.entries(facts).map(([name, value]) => `  ${name.replaceAll("_", " ")}: ${value}`);
  return [...head, ...listed.flatMap(formatProblem), ...known, ...fixed];
}

/** How a problem of a document carries its own way out. */
const FIX = "; fix: ";

function formatProblem({ path, message }: Problem): string[] {
  const [what = "", ...fixes] = message.split(FIX);
  const where = path === "" ? "" : `${path} `;
  return [`  ${where}${what}`, ...fixes.map((fix) => `    fix: ${fix}`)];
}
