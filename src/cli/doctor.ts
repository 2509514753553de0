import type { OptionValues } from "commander";
import { addCommand, type Cli } from "./command.ts";

export function addDoctor(cli: Cli): void {
  addCommand<[], OptionValues>(cli, cli.program, {
    usage: "doctor",
    summary: "check what the service needs on this machine",
    about:
      "One line each, with the way out. Run it with the service's environment; it changes nothing. Exit code 1 when something is wrong.",
    examples: ["doctor", "doctor --json"],
    // Imported late: what it looks at brings half the service along.
    run: async (session) => (await import("./doctor/diagnose.ts")).diagnose(session),
  });
}
