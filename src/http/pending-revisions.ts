import { z } from "@hono/zod-openapi";
import { spellOut } from "../mail/preview.ts";
import type { DraftId, TenantId } from "../model/ids.ts";
import type { Submission } from "../model/outbound.ts";
import type { RevisionRow } from "../store/contract-outbound.ts";
import type { HttpDeps } from "./deps.ts";
import { diffLines, DiffLine } from "./line-diff.ts";
import { timeOf } from "./paging.ts";

/** Latest revisions that are compared with the one before. */
const COMPARED = 5;

export const RevisionJson = z
  .object({
    number: z.int(),
    author: z.string(),
    subject: z.string(),
    content_hash: z.string(),
    created_at: z.string(),
    changes: z
      .array(DiffLine)
      .nullable()
      .openapi({ description: "Against the revision before; null for the first, and for those long ago." }),
  })
  .openapi("Revision");

/** Every version of a draft, oldest first, with what each editor changed of what was written. */
export async function revisionsOf(deps: HttpDeps, tenant: TenantId, draft: DraftId): Promise<z.infer<typeof RevisionJson>[]> {
  const rows = await deps.store.run("revisions.list", { tenant, draft });
  const texts = new Map<number, string | null>();
  if (rows.length > 1) for (const row of rows.slice(-COMPARED - 1)) texts.set(row.number, await writtenIn(deps, tenant, row));
  return rows.map((row) => ({
    number: row.number,
    author: row.author,
    subject: row.subject,
    content_hash: row.content_hash,
    created_at: timeOf(row.created_at),
    changes: changesOf(texts.get(row.number - 1), texts.get(row.number)),
  }));
}

function changesOf(before: string | null | undefined, after: string | null | undefined): z.infer<typeof DiffLine>[] | null {
  return before === undefined || before === null || after === undefined || after === null ? null : diffLines(before, after);
}

/** What the author wrote, as lines that can be compared, with every character without a shape spelled out. */
async function writtenIn({ blobs }: HttpDeps, tenant: TenantId, { source }: RevisionRow): Promise<string | null> {
  const bytes = await blobs.get(tenant, source.digest);
  if (bytes === null) return null;
  const { to, cc, bcc, subject, markdown, text, attachments } = JSON.parse(bytes.toString()) as Submission;
  const lists = { To: to, Cc: cc, Bcc: bcc, Subject: [subject], Attachment: attachments.map(nameOf) };
  const fields = Object.entries(lists).flatMap(([name, values]) => values.map((value) => `${name}: ${value.replaceAll("\n", " ")}`));
  return spellOut([...fields, "", markdown, ...(text === null ? [] : ["", "Plain part:", text])].join("\n"));
}

function nameOf({ filename, content_type, content }: Submission["attachments"][number]): string {
  return `${filename} (${content_type}, ${Math.floor((content.length * 3) / 4)} bytes)`;
}
