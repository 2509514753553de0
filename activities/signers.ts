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
  return async (input, mode, sender) => {
    const domain = await domainOf(deps, input, sender);
    const key = domain.keys.find(({ state }) => state === "active") ?? (await firstKey(deps, input, domain));
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

/** A local domain gets its key with its first mail; of two at once one is kept. */
async function firstKey(deps: OutboundDeps, { tenant }: OutboundInput, { domain }: DomainRow): Promise<DkimKeyRow> {
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
