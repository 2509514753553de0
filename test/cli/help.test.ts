import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { processDeps } from "../../src/cli/process.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { cli } from "./rig.ts";

const program = buildProgram(processDeps(), () => {});

function leaves(command: Command, path: readonly string[] = []): (readonly string[])[] {
  const below = command.commands.flatMap((each) => leaves(each, [...path, each.name()]));
  return command.commands.length === 0 ? [path] : below;
}
const LEAVES = leaves(program);
const GROUPS = program.commands.filter(({ commands }) => commands.length > 0).map((each) => each.name());

describe("help", () => {
  it("knows every command of the product", () => {
    expect(LEAVES.map((path) => path.join(" "))).toEqual([
      "serve",
      "doctor",
      "tenant create",
      "mailbox create",
      "mailbox list",
      "mailbox show",
      "mailbox mode",
      "mailbox mode-code",
      "mailbox channels",
      "key create",
      "key list",
      "key revoke",
      "webhooks create",
      "webhooks list",
      "webhooks show",
      "webhooks delete",
      "webhooks rotate",
      "webhooks deliveries",
      "webhooks replay",
      "webhooks test",
      "policy check",
      "policy apply",
      "policy show",
      "receive",
      "ingest",
      "messages list",
      "messages show",
      "messages raw",
      "messages release",
      "messages discard",
      "send",
      "reply",
      "drafts list",
      "drafts show",
      "drafts cancel",
      "pending list",
      "pending show",
      "pending approve",
      "pending reject",
      "pending edit",
      "pending watch",
      "pending resend",
      "pending settle",
      "stop",
      "start",
      "stops",
      "suppressions list",
      "suppressions add",
      "suppressions remove",
      "sink list",
      "sink show",
      "sink raw",
      "decisions list",
      "decisions explain",
      "audit list",
      "domains list",
      "domains add",
      "domains show",
      "domains verify",
      "domains rotate",
      "domains activate",
      "identity verify",
    ]);
  });

  it.each(LEAVES.map((path) => [path.join(" "), path] as const))(
    "%s says what it does, has an example that it accepts, and --json",
    async (name, path) => {
      const { code, out } = await cli([...path, "--help"], { columns: 80 });
      expect(code).toBe(0);
      expect(out).toMatch(/^Usage: postern /);
      expect(out).toContain("--json");
      const examples = out.split("Examples:\n")[1]?.trim().split("\n") ?? [];
      expect(examples.length).toBeGreaterThan(0);
      for (const example of examples) expect(example).toMatch(new RegExp(`^ *\\$ postern ${name}( |$)`));
    },
  );

  it.each(LEAVES.map((path) => [path] as const))("every example of %j is a line the command takes", async (path) => {
    const { out } = await cli([...path, "--help"]);
    for (const line of out.split("Examples:\n")[1]?.trim().split("\n") ?? []) {
      const words =
        line
          .replace(/^.*?postern /, "")
          .replace(/ [<>] \S+$/, "")
          .match(/'[^']*'|\S+/g) ?? [];
      const argv = words.map((word) => word.replaceAll("'", ""));
      const command = path.reduce<Command>((found, each) => found.commands.find((one) => one.name() === each) ?? found, program);
      const { unknown, operands } = command.parseOptions(argv.slice(path.length));
      expect({ line, unknown }).toEqual({ line, unknown: [] });
      const variadic = command.registeredArguments.some((argument) => argument.variadic);
      expect(variadic ? Math.min(1, operands.length) : operands.length).toBe(command.registeredArguments.length);
    }
  });

  it.each(LEAVES.map((path) => [path] as const))("every argument and option of %j is explained", (path) => {
    const command = path.reduce<Command>((found, each) => found.commands.find((one) => one.name() === each) ?? found, program);
    for (const argument of command.registeredArguments) expect(argument.description).not.toBe("");
    for (const option of command.options) expect(option.description).not.toBe("");
  });

  it.each(GROUPS)("%s alone shows its commands and is a usage error", async (group) => {
    const { code, err } = await cli([group]);
    expect(code).toBe(2);
    expect(err).toContain(`Usage: postern ${group}`);
    expect(err).toContain("Examples:");
  });

  it("documents environment and exit codes, and fits 80 columns but for command lines", async () => {
    const { out } = await cli(["--help"], { columns: 80 });
    for (const code of ["0", "1", "2", "3", "4", "5", "6", "20", "21"]) expect(out).toMatch(new RegExp(`^  ${code} +\\w`, "m"));
    for (const name of ["POSTERN_URL", "POSTERN_KEY", "POSTERN_SMTP", "POSTERN_DATA", "NO_COLOR"]) expect(out).toContain(name);
    const wide = out.split("\n").filter((line) => line.length > 80 && !line.includes("$ postern") && !line.includes("POSTERN_URL"));
    expect(wide).toEqual([]);
  });

  it("says its version", async () => {
    expect(await cli(["--version"])).toMatchObject({ code: 0, out: "0.0.0-test\n" });
  });
});

describe("a wrong command line", () => {
  it.each([
    [["mailbox", "lst"], "error: unknown command `lst`\nfix: did you mean list? see `postern mailbox --help`\n"],
    [["mailbox", "show"], "error: missing required argument `mailbox`\nfix: see `postern mailbox show --help`\n"],
    [["mailbox", "list", "--limt", "3"], "error: unknown option `--limt`\nfix: did you mean --limit? see `postern mailbox list --help`\n"],
    [["mailbox", "show", "a", "b"], /too many arguments/],
    [["key", "create", "x"], /required option `--scope <scope>` not specified/],
    [["key", "create", "x", "--scope", "root"], /choose from read, send/],
    [["messages", "list", "--limit", "0"], /1 to 200/],
    [["messages", "list", "--outcome", "deferred"], /Allowed choices/],
    [["receive", "x.eml", "--from", "a@b\r\nRCPT TO:<c@d>", "--to", "c@d"], /give an address/],
    [["receive", "x.eml", "--from", "a@b", "--to", "c@d", "--ip", "300.1.1.1"], /give an IPv4 or IPv6 address/],
  ])("%j ends with 2 and the way out", async (argv, expected) => {
    const { code, out, err } = await cli(argv);
    expect(code).toBe(2);
    expect(out).toBe("");
    if (typeof expected === "string") expect(err).toBe(expected);
    else expect(err).toMatch(expected);
    expect(err).toMatch(/^error: .*\nfix: .*\n$/);
  });

  it("is JSON on standard error with --json", async () => {
    const { code, err } = await cli(["mailbox", "show", "--json"]);
    expect(code).toBe(2);
    expect(JSON.parse(err)).toEqual({
      error: { code: "usage", message: "missing required argument `mailbox`", fix: "see `postern mailbox show --help`" },
    });
  });
});
