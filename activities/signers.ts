import { makeDkimKey, openDkimKey } from "../src/grants/dkim-key.ts";
import { PosternError } from "../src/model/errors.ts";
import type { Mode, OutboundInput } from "../src/model/outbound.ts";
import type { Seal } from "../src/mail/composer.ts";
import type { DkimKeyRow, DomainRow } from "../src/store/contract-outbound.ts";
import { freshNames } from "./budget.ts";
import type { OutboundDeps } from "./deps.ts";
import type { SendDeps } from "./send.ts";

/** Opened keys kept at hand; a domain has one that signs. */
const MOST_KEYS = 1_000;

/** The keys that sign for a mailbox, and what its identity header says (MM-18). Private keys stay in this process's memory. */
export function createSigners(deps: OutboundDeps): SendDeps["signers"] {
  const opened = new Map<string, string>();
  const making = new Map<string, Promise<DkimKeyRow>>();
  return async (input, mode, sender) => {
    const domain = await domainOf(deps, input, sender);
    const key = domain.keys.find(({ state }) => state === "active") ?? (await firstKey(deps, making, input, domain));
    return {
      dkim: { domain: domain.domain, selector: key.selector, private_key: pemOf(deps, opened, domain, key) },
      identity: await identityOf(deps, input, mode, domain),
    };
  };
}

/** Of the address the mail is from, whatever the mailbox is called by now: only its signature counts for it (RFC 7489 §3.1). */
async function domainOf({ store }: Pick<OutboundDeps, "store">, { tenant }: OutboundInput, sender: string): Promise<DomainRow> {
  const domain = await store.run("domains.get", { tenant, domain: sender.slice(sender.lastIndexOf("@") + 1) });
  if (domain === null) throw new PosternError("not_found", "the mailbox has no domain");
  return domain;
}

/** A local domain gets its key with its first mail, and many mails at once get one: to make it costs a processor a tenth of a second. */
function firstKey(
  deps: OutboundDeps,
  making: Map<string, Promise<DkimKeyRow>>,
  input: OutboundInput,
  { id, domain }: DomainRow,
): Promise<DkimKeyRow> {
  const begun = making.get(id);
  if (begun !== undefined) return begun;
  const key = makeFirst(deps, input, domain).finally(() => making.delete(id));
  making.set(id, key);
  return key;
}

/** Of two processes that make one at once the first one's is kept. */
async function makeFirst(deps: OutboundDeps, { tenant }: OutboundInput, domain: string): Promise<DkimKeyRow> {
  const offer = await makeDkimKey(deps.sealer, domain, deps.random);
  const { at, audit_id, salt } = freshNames(deps);
  const key = await deps.store.run("dkim.signing", { tenant, domain, offer, at, audit_id, salt });
  if (key === null) throw new PosternError("not_found", "the mailbox has no domain");
  return key;
}

function pemOf({ sealer }: Pick<OutboundDeps, "sealer">, opened: Map<string, string>, { domain }: DomainRow, key: DkimKeyRow): string {
  const known = opened.get(key.id);
  if (known !== undefined) return known;
  const pem = openDkimKey(sealer, domain, key);
  if (opened.size >= MOST_KEYS) opened.clear();
  opened.set(key.id, pem);
  return pem;
}

async function identityOf(
  { store, identity, identityHeader, publicUrl }: OutboundDeps,
  { tenant, in_reply_to }: OutboundInput,
  mode: Mode,
  { domain, state }: DomainRow,
): Promise<Seal["identity"]> {
  const answered = in_reply_to === null ? null : await store.run("messages.get", { tenant, id: in_reply_to, view: "all" });
  return {
    private_key: identity.private_key,
    kid: identity.kid,
    operator: domain,
    oversight: mode,
    capabilities: answered?.capabilities ?? [],
    verified_operator: state === "verified",
    service: publicUrl,
    header: identityHeader,
  };
}
