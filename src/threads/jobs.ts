import type { Blobs } from "../blobs/blobs.ts";
import { runGuards } from "../guards/index.ts";
import type { AuthenticateDeps } from "../mail/authenticate.ts";
import { isViolation } from "../mail/parse.ts";
import { authenticateMail, headlineOf, viewMail, type OpenedMail } from "../mail/read.ts";
import type { MailReader, StoredMessage, Violation } from "../mail/reader.ts";
import { PosternError } from "../model/errors.ts";
import type { GuardViews } from "../model/guards.ts";
import { OpenedMails } from "./opened.ts";

/** What runs in a reader thread: the port `MailReader` over blobs, with what was parsed lately at hand. */
export function createMailReader(deps: AuthenticateDeps & { readonly blobs: Pick<Blobs, "get"> }): MailReader {
  const mails = new OpenedMails();
  const inspect = (message: StoredMessage): Promise<OpenedMail | Violation> => mails.open(message, () => readBlob(deps.blobs, message));
  const open = async (message: StoredMessage): Promise<OpenedMail> => within(await inspect(message));
  return {
    inspect: async (message) => {
      const opened = await inspect(message);
      return isViolation(opened) ? opened : null;
    },
    authenticate: async (message, envelope) => authenticateMail(await open(message), envelope, deps),
    scan: async (message, patterns) => runGuards(guardViews(await open(message)), patterns),
    headline: async (message) => headlineOf(await open(message)),
    view: async (message) => viewMail(await open(message)),
  };
}

async function readBlob(blobs: Pick<Blobs, "get">, { tenant, ref }: StoredMessage): Promise<Buffer> {
  const raw = await blobs.get(tenant, ref.digest);
  if (raw === null) throw new PosternError("not_found", "the raw message is not kept any more");
  return raw;
}

// The door asks `inspect` before there is a message, so this is a limit that was lowered since.
function within(opened: OpenedMail | Violation): OpenedMail {
  if (isViolation(opened)) throw new PosternError("payload_too_large", `the message breaks the limit \`${opened.limit}\``);
  return opened;
}

/** Some line is longer than RFC 5322 §2.1.1 allows; how much longer tells nothing. */
const LONG = 999;

function guardViews({ views, header, structure }: OpenedMail): GuardViews {
  const { subject, text, html, hidden, attachments, invisible } = views;
  const headers = { names: header.fields.map(({ name }) => name), longest_line: structure.long_lines > 0 ? LONG : 0 };
  return { subject, text, html, hidden, attachments, headers, invisible };
}
