import { InvalidArgumentError } from "commander";
import { AUDIT_ACTIONS } from "../audit/actions.ts";
import { addCommand, addGroup, type Cli } from "./command.ts";
import { recordedText, type Recorded } from "./audit-text.ts";
import { mailboxId } from "./mailbox-id.ts";
import { nextPage, pageOptions, pageQuery, type PageOptions } from "./paging.ts";
import { formatTable, type Column } from "./table.ts";
import { parseTime, shortTime } from "./time.ts";

interface Entry extends Recorded {
  readonly id: string;
  readonly action: string;
  readonly actor: string;
  readonly email_id: string | null;
  readonly timestamp: string;
}

interface AuditPage {
  readonly entries: readonly Entry[];
  readonly cursor: string | null;
}

interface ListOptions extends PageOptions {
  readonly mailbox?: string;
  readonly kind?: string;
  readonly since?: string;
  readonly until?: string;
}

export function addAudit(cli: Cli): void {
  const group = addGroup(cli.program, "audit", "what was done, and by whom", [
    "audit list",
    "audit list --kind email.approved --since 2026-11-21T00:00:00Z",
  ]);
  addCommand<[], ListOptions>(cli, group, {
    usage: "list",
    summary: "list what was recorded",
    about: "`--json` has every fact, and personal data as long as it is kept.",
    options: (command) =>
      pageOptions(
        command
          .option("--mailbox <mailbox>", "only of this one: id, address or alias")
          .option("--kind <kind>", "only of this kind, like `decision` or `email.approved`", parseKind)
          .option("--since <time>", "from then on", parseTime)
          .option("--until <time>", "before then", parseTime),
      ),
    examples: ["audit list --mailbox assistant@acme.example", "audit list --kind capability.denied --limit 20 --json"],
    run: async ({ http, print, note, cells }, _, { mailbox, kind, since, until, ...page }) => {
      const mailbox_id = mailbox === undefined ? undefined : await mailboxId(http, mailbox);
      const found = await http.get<AuditPage>("/v1/audit", { ...pageQuery(page), mailbox_id, kind, since, until });
      print(found, () => (found.entries.length === 0 ? "no entries" : formatTable(COLUMNS, found.entries, cells)));
      const more = nextPage({ next_cursor: found.cursor });
      if (more !== null) note(more);
    },
  });
}

function parseKind(text: string): string {
  if (AUDIT_ACTIONS.some((action) => action === text)) return text;
  throw new InvalidArgumentError(`it is one of ${AUDIT_ACTIONS.join(", ")}`);
}

const COLUMNS: readonly Column<Entry>[] = [
  { title: "AT (UTC)", value: ({ timestamp }) => shortTime(timestamp) },
  { title: "KIND", value: ({ action }) => action },
  { title: "BY", value: ({ actor }) => actor, min: 8 },
  { title: "ABOUT", value: ({ email_id }) => email_id ?? "" },
  { title: "FACTS", value: (entry) => recordedText(entry), min: 12 },
];
