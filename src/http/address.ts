import { foldDomain } from "../mail/address.ts";
import { PosternError } from "../model/errors.ts";

/** RFC 5321 §4.5.3.1. */
const LOCAL_MAX = 64;
/** RFC 5322 dot-atom in lower case, without `+`: what follows it is a tag that the gate cuts off. */
const LOCAL_PART = /^[a-z0-9!#$%&'*/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*/=?^_`{|}~-]+)*$/;

export interface FoldedAddress {
  readonly address: string;
  readonly domain: string;
}

/** An address to be given to a mailbox, folded for matching: local part in lower case, domain as A-labels. */
export function foldedAddress(localPart: string, domain: string): FoldedAddress {
  const local = localPart.toLowerCase();
  if (local.length > LOCAL_MAX || !LOCAL_PART.test(local))
    throw refused("address_local_part", localPart, "letters, digits, dots and hyphens, no `+`");
  const folded = foldDomain(domain);
  if (folded === null) throw refused("domain", domain, "a domain name such as `acme.example`");
  return { address: `${local}@${folded}`, domain: folded };
}

function refused(path: string, value: string, wanted: string): PosternError {
  return new PosternError("invalid_request", `\`${value.slice(0, 64)}\` cannot be used in an address`, {
    fix: `use ${wanted}`,
    problems: [{ path, message: `must be ${wanted}` }],
  });
}
