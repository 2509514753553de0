import { PosternError } from "../model/errors.ts";
import { segment } from "./client.ts";
import { addCommand, type Cli } from "./command.ts";
import { spaced } from "./decision-text.ts";
import type { Pending, PendingDetail } from "./pending-text.ts";
import { readWritten, requireText, writtenOptions, type Written, type WrittenOptions } from "./submission.ts";
import { formatFields } from "./table.ts";

interface EditOptions extends WrittenOptions {
  readonly hash?: string;
  readonly dropAttachments?: true;
}

export function addEdit(cli: Cli, group: Cli["program"]): void {
  addCommand<[id: string], EditOptions>(cli, group, {
    usage: "edit <id>",
    summary: "change a draft that waits",
    about:
      "By an approver, who then cannot approve it: another must. Recipients and subject stay as they are unless given; the text is given whole, and so are attachments. " +
      "It is screened again and earlier approvals are void.",
    arguments: { id: "drf_…" },
    options: (command) =>
      writtenOptions(command)
        .option("--hash <sha256>", "the `content` that you looked at; needed once it was edited")
        .option("--drop-attachments", "go on without the attachments it has"),
    examples: [
      "pending edit drf_5n7q9s1v3x5z7b9d1f3h5k7m --markdown better.md",
      "pending edit drf_5n7q9s1v3x5z7b9d1f3h5k7m --markdown - --subject 'Friday at one' --json < better.md",
    ],
    run: async (session, [id], options) => {
      const written = await readWritten(session, options);
      requireText(written);
      const path = `/v1/pending/${segment(id)}`;
      const before = await session.http.get<PendingDetail>(path);
      if (options.attach === undefined && options.dropAttachments !== true) refuseLoss(before);
      const hash = options.hash === undefined ? {} : { content_hash: options.hash };
      const edited = await session.http.send<Pending>("POST", `${path}/edit`, { ...keptOf(before, written), ...written, ...hash });
      session.print(edited, () => formatFields(fieldsOf(edited), session.cells));
      session.note(`it waits for another approver: \`postern pending show ${edited.id}\``);
    },
  });
}

/** What the door would drop: whoever corrects a line does not mean to change who gets it. */
function keptOf({ recipients, subject }: PendingDetail, { to, cc, bcc }: Written): object {
  const named = (kind: "to" | "cc" | "bcc"): string[] => recipients.filter((one) => one.kind === kind).map(({ address }) => address);
  const addressed = to !== undefined || cc !== undefined || bcc !== undefined;
  return { subject, ...(addressed ? {} : { to: named("to"), cc: named("cc"), bcc: named("bcc") }) };
}

/** Their bytes are not shown, so nobody can give them back unread. */
function refuseLoss({ content }: PendingDetail): void {
  if (content !== null && content.attachments.length === 0) return;
  const what = content === null ? "what it holds is not known" : `it has ${content.attachments.length} of them`;
  throw new PosternError("invalid_request", `the edit would lose attachments: ${what}`, {
    fix: "give them again with `--attach FILE`, or say `--drop-attachments`",
  });
}

function fieldsOf({ id, status, reason, to, subject, revision, content_hash }: Pending): [string, string][] {
  return [
    ["id", id],
    ["status", spaced(status)],
    ["reason", spaced(reason)],
    ["to", to.join(" ")],
    ["subject", subject],
    ["revision", String(revision)],
    ["content", content_hash],
  ];
}
