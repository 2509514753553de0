import type { OptionValues } from "commander";
import { PosternError } from "../model/errors.ts";
import { addCommand, type Cli } from "./command.ts";
import { EXIT, type Exit } from "./exit.ts";
import { parseRecipient, parseSender, readLetter } from "./letter.ts";
import type { Session } from "./session.ts";
import { formatTable, type Column } from "./table.ts";

interface IngestOptions extends OptionValues {
  readonly from?: string;
  readonly to: string;
}

interface Result {
  readonly id?: string;
  readonly outcome?: string;
  readonly decision_id?: string | null;
  readonly error?: { readonly status: number; readonly code: string; readonly detail: string; readonly fix?: string };
}

type Row = Result & { readonly file: string };

/** Of one request: well under what the service takes, and answered within the time a command waits. */
const BATCH = { items: 50, bytes: 11 * 1024 * 1024 };

export function addIngest(cli: Cli): void {
  addCommand<[files: string[]], IngestOptions>(cli, cli.program, {
    usage: "ingest <file...>",
    summary: "bring messages by HTTP, in batches, and show what was decided on each",
    about:
      "Needs a key with the scope `ingest` (`key create bridge --scope ingest`). Signatures are checked, SPF is not: nobody says where the mail came from. " +
      "The same files again are the same messages. Exit codes: 0 all accepted, 20 some refused, 21 some deferred or failed.",
    arguments: { file: "messages as RFC 5322 has them (.eml), or - for standard input" },
    options: (command) =>
      command
        .requiredOption("--to <address>", "whose mailbox they are for", parseRecipient)
        .option("--from <address>", "envelope sender of all of them (default: the null sender)", parseSender),
    examples: [
      "ingest archive/*.eml --to assistant@acme.example --from boss@acme.example",
      "ingest - --to assistant@acme.example --json < letter.eml",
    ],
    run: ingest,
  });
}

async function ingest(session: Session, [files]: [string[]], { from = "", to }: IngestOptions): Promise<Exit> {
  const rows: Row[] = [];
  let batch = new Batch();
  for (const file of files) {
    const raw = await readLetter(session, file);
    if (raw.length > BATCH.bytes) throw tooLong(file);
    if (!batch.takes(raw)) {
      rows.push(...(await batch.send(session, { from, to })));
      batch = new Batch();
    }
    batch.add(file, raw);
  }
  rows.push(...(await batch.send(session, { from, to })));
  session.print({ items: rows }, () => formatTable(COLUMNS, rows, session.cells));
  return exitOf(rows);
}

class Batch {
  readonly #files: string[] = [];
  readonly #raws: Buffer[] = [];
  #bytes = 0;

  takes(raw: Buffer): boolean {
    return this.#raws.length < BATCH.items && this.#bytes + raw.length <= BATCH.bytes;
  }

  add(file: string, raw: Buffer): void {
    this.#files.push(file);
    this.#raws.push(raw);
    this.#bytes += raw.length;
  }

  /** One recipient an item: as many results as files, in their order. */
  async send({ http }: Session, envelope: { readonly from: string; readonly to: string }): Promise<readonly Row[]> {
    const items = this.#raws.map((raw) => ({ raw: raw.toString("base64"), envelope, source: "cli" }));
    const answer = await http.send<{ items: readonly Result[] }>("POST", "/v1/ingest", { items });
    return answer.items.map((result, index) => ({ file: this.#files[index] ?? "", ...result }));
  }
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "FILE", value: ({ file }) => file },
  { title: "OUTCOME", value: ({ outcome, error }) => outcome ?? error?.code ?? "" },
  { title: "MESSAGE", value: ({ id }) => id ?? "" },
  { title: "WHY", value: ({ error }) => whyOf(error) },
];

function whyOf(error: Result["error"]): string {
  if (error === undefined) return "";
  return error.fix === undefined ? error.detail : `${error.detail}; fix: ${error.fix}`;
}

function exitOf(rows: readonly Row[]): Exit {
  if (rows.some(({ outcome, error }) => error !== undefined || outcome === "deferred")) return EXIT.deferred;
  return rows.some(({ outcome = "" }) => REFUSED.includes(outcome)) ? EXIT.refused : EXIT.ok;
}

const REFUSED: readonly string[] = ["rejected_at_verification", "rejected_at_policy", "rejected_at_content_guard", "rate_limited", "budget_exhausted"]; // prettier-ignore

function tooLong(file: string): PosternError {
  return new PosternError("payload_too_large", `\`${file}\` has more than ${BATCH.bytes} bytes`, {
    fix: "hand it over with `postern receive`, which takes 25 MiB",
  });
}
