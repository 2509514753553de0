import type { Command, OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import type { Session } from "./session.ts";
import { printableLines } from "./text.ts";

export interface RawOptions extends OptionValues {
  readonly output?: string;
}

export const ABOUT_RAW =
  "A terminal is shown them with control characters spelled out; a file or pipe gets them exactly. With --json they are in base64.";

export function rawOptions(command: Command): Command {
  return command.option("--output <file>", "write to a new file instead of standard output");
}

/** The bytes of a mail, for whoever asked: a new file, JSON, a terminal, a pipe. */
export async function putOut(session: Session, id: string, bytes: Buffer, { output }: RawOptions): Promise<void> {
  const { json, print, deps } = session;
  if (output !== undefined) await writeFile(session, output, bytes, id);
  else if (json) print({ id, size: bytes.length, raw_base64: bytes.toString("base64") }, () => "");
  else deps.stdout.write(deps.stdout.isTTY ? printableLines(bytes.toString("utf8")) : bytes);
}

async function writeFile({ deps, print }: Session, path: string, bytes: Buffer, id: string): Promise<void> {
  try {
    await deps.files.create(path, bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "EEXIST" ? "is there already" : `cannot be written (${code ?? "unknown"})`;
    throw new PosternError("invalid_request", `\`${path}\` ${why}`, { fix: "name another file", cause });
  }
  print({ id, size: bytes.length, file: path }, () => `wrote ${bytes.length} bytes to ${path}`);
}
