import type { Blobs } from "../blobs/blobs.ts";
import { runGuards } from "../guards/index.ts";
import type { AuthenticateDeps } from "../mail/authenticate.ts";
import type { Resolver } from "../mail/dns.ts";
import { isViolation } from "../mail/parse.ts";
import { authenticatedBefore, authenticateMail, headlineOf, openMail, viewMail, type OpenedMail } from "../mail/read.ts";
import type { MailReader, StoredMessage, Violation } from "../mail/reader.ts";
import { threadFacts } from "../mail/thread.ts";
import { PosternError } from "../model/errors.ts";
import type { GuardViews } from "../model/guards.ts";
import { OpenedMails } from "./opened.ts";
import { Patience } from "./patience.ts";
import { UNWATCHED, type Turn } from "./turn.ts";

export interface ReaderDeps extends AuthenticateDeps {
  readonly blobs: Pick<Blobs, "get">;
  /** These two are shared by all jobs of a thread; default: this reader's own. */
  readonly mails?: OpenedMails;
  readonly patience?: Patience;
  readonly turn?: Turn;
}

/** Bytes of raw mail kept parsed unless told otherwise. */
const KEEP_BYTES = 16 * 1024 * 1024;

/** What runs in a reader thread: the port `MailReader` over blobs, with what was parsed lately at hand. */
export function createMailReader(deps: ReaderDeps): MailReader {
  const { blobs, turn = UNWATCHED, mails = new OpenedMails({ bytes: KEEP_BYTES }), patience = new Patience() } = deps;
  const openBytes = (raw: Buffer): Promise<OpenedMail | Violation> => turn.useAlone(() => openMail(raw));
  const inspect = (message: StoredMessage): Promise<OpenedMail | Violation> =>
    mails.open(message, async () => openBytes(await readBlob(blobs, message)));
  const open = async (message: StoredMessage): Promise<OpenedMail> => within(await inspect(message));
  const resolver: Resolver = (name, type) => turn.wait(() => deps.resolver(name, type));
  return {
    inspect: async (message) => {
      const opened = await inspect(message);
      return isViolation(opened) ? opened : null;
    },
    authenticate: async (message, envelope, known) => {
      const mail = await open(message);
      if (known !== undefined) return turn.use(() => authenticatedBefore(mail, envelope, known));
      return patience.during((budget) => turn.use(() => authenticateMail(mail, envelope, { ...deps, resolver, budget })));
    },
    scan: async (message, patterns) => {
      const views = guardViews(await open(message));
      return turn.use(() => runGuards(views, patterns));
    },
    headline: async (message) => headlineOf(await open(message)),
    thread: async (message) => threadFacts((await open(message)).header.fields),
    view: async (message) => {
      // Bytes that were removed are shown to nobody, however fresh the memory of them.
      const raw = await readBlob(blobs, message);
      const mail = within(await mails.open(message, () => openBytes(raw)));
      return turn.use(() => viewMail(mail));
    },
  };
}

async function readBlob(blobs: Pick<Blobs, "get">, { tenant, ref }: StoredMessage): Promise<Buffer> {
  const raw = await blobs.get(tenant, ref.digest);
  if (raw === null) throw new PosternError("not_found", "the raw message is not kept any more");
  return inOwnMemory(raw);
}

/** A small buffer is a piece of a pool that it keeps alive: opened mails would keep five times their bytes. */
function inOwnMemory(bytes: Buffer): Buffer {
  if (bytes.length === bytes.buffer.byteLength) return bytes;
  const own = Buffer.allocUnsafeSlow(bytes.length);
  own.set(bytes);
  return own;
}

// The door asks `inspect` before there is a message, so this is a limit that was lowered since.
function within(opened: OpenedMail | Violation): OpenedMail {
  if (isViolation(opened)) throw new PosternError("payload_too_large", `the message breaks the limit \`${opened.limit}\``);
  return opened;
}

/** What guards look at of an opened message. */
export function guardViews({ views, header, long_lines }: OpenedMail): GuardViews {
  return { ...views.written, hidden: views.hidden, headers: { names: header.fields.map(({ name }) => name), long_lines } };
}
