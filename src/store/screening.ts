import { PosternError } from "../model/errors.ts";
import { domainOf } from "../model/fold.ts";
import type { MailboxId, MessageId, TenantId } from "../model/ids.ts";
import type { ScreeningFacts, ScreeningQuestion } from "./contract-outbound.ts";
import { once } from "./once.ts";
import type { OperationsOf, Tx } from "./operation.ts";
import { screenSend } from "./screen-send.ts";
import { screenSubmit } from "./screen-submit.ts";
import { sendsWithin, sendWindows } from "./send-caps.ts";
import { findSendingMailbox, isNoAuthor } from "./sending-mailbox.ts";
import { stoppedBy } from "./stopped.ts";
import { suppressedAmong } from "./suppressions.ts";
import { isTainted } from "./tainted.ts";
import { together } from "./together.ts";

export const screening = {
  "outbound.facts": { kind: "read", run: factsOf },

  "outbound.windows": {
    kind: "read",
    async run(tx, { tenant, mailbox, caps, at }) {
      const found = await findSendingMailbox(tx, tenant, mailbox);
      return found === null ? null : sendWindows(tx, { mailbox, draft: null }, caps, at);
    },
  },

  // INVARIANT (DESIGN §4.3): what this returns is what happens. Whoever asks again is told the same, or how far it has come.
  "outbound.screen": {
    kind: "write",
    about: ({ input }) => `sending:${input.mailbox}`,
    async run(tx, proposal) {
      const { tenant, mailbox: id } = proposal.input;
      const mailbox = await findSendingMailbox(tx, tenant, id);
      if (mailbox === null) throw new PosternError("not_found", "there is no such mailbox");
      return proposal.stage === "submit" ? screenSubmit(tx, proposal, mailbox) : screenSend(tx, proposal, mailbox);
    },
  },
} satisfies OperationsOf<"outbound">;

export async function factsOf(tx: Tx, question: ScreeningQuestion): Promise<ScreeningFacts | null> {
  const { tenant, mailbox, draft, author, recipients, at } = question;
  const found = await findSendingMailbox(tx, tenant, mailbox);
  if (found === null) return null;
  const [stopped, author_revoked, suppressed, sends, new_domains, tainted, automatic_source, policy] = await together([
    stoppedBy(tx, { tenant, mailbox, agent_id: found.agent_id }),
    isNoAuthor(tx, { tenant, mailbox, author }),
    suppressedAmong(tx, tenant, recipients, at),
    sendsWithin(tx, { mailbox, draft }, at),
    newDomains(tx, mailbox, recipients),
    isTainted(tx, question),
    answersAutomatic(tx, question),
    currentPolicy(tx, mailbox),
  ]);
  const { mode, address, oversight_address } = found;
  return { mode, stopped, author_revoked, suppressed, sends, new_domains, tainted, automatic_source, policy, address, oversight_address };
}

const selectContact = once((db, given: { mailbox: MailboxId; domain: string }) =>
  db.selectFrom("contacts").select("domain").where("mailbox", "=", given.mailbox).where("domain", "=", given.domain),
);

async function newDomains({ db }: Tx, mailbox: MailboxId, recipients: readonly string[]): Promise<readonly string[]> {
  const domains = [...new Set(recipients.map(domainOf))];
  const contacts = await together(domains.map((domain) => selectContact(db, { mailbox, domain })));
  return domains.filter((_, index) => contacts[index]!.length === 0);
}

const selectAutomatic = once((db, given: { tenant: TenantId; mailbox: MailboxId; id: MessageId }) =>
  db
    .selectFrom("messages")
    .select("automatic")
    .where("id", "=", given.id)
    .where("tenant", "=", given.tenant)
    .where("mailbox", "=", given.mailbox),
);

async function answersAutomatic({ db }: Tx, { tenant, mailbox, in_reply_to: id }: ScreeningQuestion): Promise<boolean> {
  if (id === null) return false;
  const [row] = await selectAutomatic(db, { tenant, mailbox, id });
  return row?.automatic === 1;
}

const selectPolicy = once((db, given: { mailbox: MailboxId }) =>
  db
    .selectFrom("mailboxes")
    .innerJoin("policies", "policies.id", "mailboxes.policy")
    .select(["policies.id", "policies.version", "policies.digest", "policies.document"])
    .where("mailboxes.id", "=", given.mailbox),
);

async function currentPolicy({ db }: Tx, mailbox: MailboxId): Promise<ScreeningFacts["policy"]> {
  const [row] = await selectPolicy(db, { mailbox });
  return row ?? null;
}
