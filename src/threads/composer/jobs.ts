import type { Blobs } from "../../blobs/blobs.ts";
import { scanOutgoing } from "../../guards/outgoing.ts";
import { textOf } from "../../guards/place.ts";
import { redact } from "../../guards/redact.ts";
import { composeMail } from "../../mail/compose.ts";
import type { ComposeFrame, DraftPreview, Kept } from "../../mail/composer.ts";
import { isViolation } from "../../mail/parse.ts";
import { previewMail } from "../../mail/preview.ts";
import { openMail, type OpenedMail } from "../../mail/read.ts";
import type { StoredMessage } from "../../mail/reader.ts";
import { sealMail } from "../../mail/seal.ts";
import { PosternError } from "../../model/errors.ts";
import { GUARDED_PLACES, type Finding, type GuardedPlace } from "../../model/finding.ts";
import { guardViews } from "../jobs.ts";
import type { ComposerJobs } from "../protocol.ts";
import type { Turn } from "../turn.ts";

/** Bytes of a finished mail that is scanned as it is composed, while it is at hand; a larger one takes a job of its own. */
const SCANNED_AT_ONCE = 256 * 1024;

/** What runs in a composer thread: the port `MailComposer` over blobs. Nothing of mail is kept from one job to the next. */
export function createComposerJobs(blobs: Pick<Blobs, "get">, turn: Turn): ComposerJobs {
  const openBytes = async (raw: Buffer): Promise<OpenedMail> => {
    const opened = await turn.useAlone(() => openMail(raw));
    if (isViolation(opened)) throw new PosternError("internal", `a finished mail breaks the limit \`${opened.limit}\``);
    return opened;
  };
  const open = async (mime: StoredMessage): Promise<OpenedMail> => openBytes(await readBlob(blobs, mime));
  const scan = async (mail: OpenedMail): Promise<readonly Finding[]> => turn.use(() => scanOutgoing(guardViews(mail)));
  return {
    compose: async (source, frame) => {
      const bytes = await bytesOf(blobs, source);
      const composed = await turn.use(() => composeMail(bytes, frame));
      if ("invalid" in composed) return composed;
      const findings = isScannedAtOnce(composed.mime, frame)
        ? await openBytes(composed.mime)
            .then(scan)
            .catch(() => null)
        : null;
      return { ...composed, findings };
    },
    scanDraft: async (mime) => scan(await open(mime)),
    seal: async (mime, seal) => {
      const bytes = await bytesOf(blobs, mime);
      return turn.use(() => sealMail(bytes, seal));
    },
    preview: async (mime) => {
      const mail = await open(mime);
      return turn.use(() => ({ ...previewMail(mail), redacted: redactedOf(mail) }));
    },
  };
}

/** The overseer's copy is never scanned: it says what was sent. */
function isScannedAtOnce(mime: Buffer, { kind }: ComposeFrame): boolean {
  return kind !== "copy" && mime.length <= SCANNED_AT_ONCE;
}

/** Findings with as much of what was seen as tells which one it is. */
function redactedOf(mail: OpenedMail): DraftPreview["redacted"] {
  const views = guardViews(mail);
  return scanOutgoing(views).map((finding) => ({ finding, preview: redact(finding.code, seen(views, finding)) }));
}

function seen(views: Parameters<typeof textOf>[0], { where, span }: Finding): string {
  if (span === undefined || !isGuarded(where)) return "";
  return textOf(views, where).slice(span.offset, span.offset + span.length);
}

function isGuarded(where: Finding["where"]): where is GuardedPlace {
  return GUARDED_PLACES.some((place) => place === where);
}

/** From the other thread a Buffer comes as a plain array of bytes. */
async function bytesOf(blobs: Pick<Blobs, "get">, { bytes, ...stored }: Kept): Promise<Buffer> {
  return bytes === undefined ? readBlob(blobs, stored) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function readBlob(blobs: Pick<Blobs, "get">, { tenant, ref }: StoredMessage): Promise<Buffer> {
  const bytes = await blobs.get(tenant, ref.digest);
  if (bytes === null) throw new PosternError("not_found", "the bytes of the draft are not kept any more");
  return bytes;
}
