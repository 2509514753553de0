import { InvalidArgumentError } from "commander";
import { PosternError } from "../model/errors.ts";
import { hasBareLfOnly, toCrlf } from "./eml.ts";
import type { Session } from "./session.ts";

/** A message from a file, or from standard input for `-`, with the line ends of mail. */
export async function readLetter(session: Session, file: string): Promise<Buffer> {
  const bytes = await readFile(session, file);
  if (bytes.length === 0)
    throw new PosternError("invalid_request", file === "-" ? "the message is empty" : `the message in \`${file}\` is empty`);
  if (!hasBareLfOnly(bytes)) return bytes;
  session.note("line ends were LF and are sent as CRLF, as SMTP has them; a signature over other bytes does not hold");
  return toCrlf(bytes);
}

async function readFile({ deps }: Session, file: string): Promise<Buffer> {
  if (file === "-") return deps.stdin();
  try {
    return await deps.files.read(file);
  } catch (cause) {
    const { code = "unknown" } = cause as NodeJS.ErrnoException;
    throw new PosternError("invalid_request", `\`${file}\` cannot be read (${code})`, {
      fix: "check the path, or give `-` for standard input",
      cause,
    });
  }
}

export function parseSender(text: string): string {
  return text === "<>" || text === "" ? "" : parseRecipient(text);
}

/** What would end or widen an SMTP command is refused here; whether it is an address is the server's to say. */
export function parseRecipient(text: string): string {
  if (/[\p{Cc}\s<>]/u.test(text) || !text.includes("@")) throw new InvalidArgumentError("give an address like boss@acme.example");
  return text;
}
